// The daemon's own log: events with fields, as JSON lines or text. For people and for journald; decisions have their own
// file (decision_log.hpp). The one door to spdlog.
//
//     log.write(events::kRulesReloaded, {{"path", path}, {"tenants", 12}});
//
// Every line passes observe::redacted(). Safe from many threads; never throws. Meant for what happens rarely: it takes a lock.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/observe/events.hpp"

namespace mailcore::observe {

// One field of an event. Texts are escaped; they must not hold secrets or message content.
struct Field {
    std::string_view name;
    std::string text;
    bool quoted = true;
    Field(std::string_view n, std::string_view value) : name{n}, text{value} {}
    Field(std::string_view n, std::string const& value) : name{n}, text{value} {}
    Field(std::string_view n, char const* value) : name{n}, text{value} {}
    Field(std::string_view n, std::uint64_t value) : name{n}, text{std::to_string(value)}, quoted{false} {}
    Field(std::string_view n, int value) : name{n}, text{std::to_string(value)}, quoted{false} {}
};

class Log {
public:
    // level debug|info|warning|error; format json|text; target stderr|/path (opened to append, 0640).
    static base::Result<Log> open(std::string const& program, std::string const& level, std::string const& format,
                                  std::string const& target);
    Log(Log&&) noexcept;
    Log& operator=(Log&&) noexcept;
    ~Log();

    void write(Event const& event, std::initializer_list<Field> fields = {}) noexcept;
    void reopen();   // after the file was rotated

private:
    struct Sink;
    explicit Log(std::unique_ptr<Sink> sink);
    std::unique_ptr<Sink> sink_;
};

}   // namespace mailcore::observe
