// Standard input as a log: to its end, without positions.
#pragma once

#include "outcomes/log/follower.hpp"
#include "outcomes/log/line_buffer.hpp"

namespace mailcore::outcomes {

class StandardInput final : public LogSource {
public:
    explicit StandardInput(int descriptor) : descriptor_{descriptor} {}   // stays open

    Lines read(std::size_t most_bytes) override;
    std::string position() const override { return ""; }
    LogHealth health() const override { return health_; }
    int wake_descriptor() const override { return has_ended_ ? -1 : descriptor_; }   // a closed pipe would wake for ever

private:
    std::size_t take(std::size_t most);

    int const descriptor_;
    bool has_ended_ = false;
    LineBuffer buffer_;
    LogHealth health_;
};

}   // namespace mailcore::outcomes
