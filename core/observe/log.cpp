#include "core/observe/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "core/observe/redactor.hpp"

namespace mailcore::observe {
namespace {

spdlog::level::level_enum to_spdlog(Level level)
{
    switch (level) {
        case Level::Debug: return spdlog::level::debug;
        case Level::Info: return spdlog::level::info;
        case Level::Warning: return spdlog::level::warn;
        case Level::Error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

Level level_of(std::string_view name)
{
    for (auto const level : {Level::Debug, Level::Info, Level::Warning}) {
        if (word(level) == name) return level;
    }
    return Level::Error;
}

void append_json(std::string& line, Field const& field)
{
    line += ',';
    base::append_json_string(line, field.name);
    line += ':';
    if (field.quoted) base::append_json_string(line, field.text);
    else line += field.text;
}

void append_text(std::string& line, Field const& field)
{
    line += ' ';
    line += field.name;
    line += '=';
    if (field.quoted) base::append_json_string(line, field.text);
    else line += field.text;
}

}   // namespace

struct Log::Sink {
    std::shared_ptr<spdlog::logger> logger;
    std::string program;
    std::string path;   // empty = standard error
    bool json = true;

    base::Result<> connect(spdlog::level::level_enum level)
    {
        try {
            if (path.empty()) {
                logger = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
            } else {
                // Made here, so that it is never readable by everyone.
                base::Fd const made{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)};
                if (!made) return base::fail_errno("log.target: cannot open " + path);
                logger = std::make_shared<spdlog::logger>(program,
                                                          std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
            }
        } catch (std::exception const& failure) {
            return base::fail("log.target: " + std::string{failure.what()});
        }
        logger->set_level(level);
        logger->flush_on(spdlog::level::debug);
        auto const pattern = json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v}" : "%Y-%m-%dT%H:%M:%S.%eZ %v";
        logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
        return {};
    }
};

Log::Log(std::unique_ptr<Sink> sink) : sink_{std::move(sink)} {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

base::Result<Log> Log::open(std::string const& program, std::string const& level, std::string const& format,
                            std::string const& target)
{
    auto sink = std::make_unique<Sink>();
    sink->program = program;
    sink->path = target == "stderr" ? "" : target;
    sink->json = format == "json";
    auto const connected = sink->connect(to_spdlog(level_of(level)));
    if (!connected) return base::fail(connected.error());
    return Log{std::move(sink)};
}

void Log::write(Event const& event, std::initializer_list<Field> fields) noexcept
{
    try {
        auto const level = to_spdlog(event.level);
        if (!sink_->logger->should_log(level)) return;
        std::string line;
        if (sink_->json) {
            line += "\"level\":\"" + std::string{word(event.level)} + "\",\"daemon\":\"" + sink_->program +
                    "\",\"event\":\"" + std::string{event.name} + '"';
            for (auto const& field : fields) append_json(line, field);
        } else {
            line += std::string{word(event.level)} + " " + sink_->program + ": " + std::string{event.name};
            for (auto const& field : fields) append_text(line, field);
        }
        line = redacted(std::move(line));
        sink_->logger->log(level, spdlog::string_view_t{line.data(), line.size()});
    } catch (...) {   // a log that cannot be written must not end the daemon; decisions have their own file
    }
}

void Log::reopen()
{
    if (sink_->path.empty()) return;
    auto const level = sink_->logger->level();
    auto former = sink_->logger;
    if (!sink_->connect(level)) sink_->logger = former;
}

}   // namespace mailcore::observe
