// An owned file descriptor: closed when the object goes, never twice.
#pragma once

#include <utility>

namespace mailcore::base {

class Fd {
public:
    Fd() = default;
    explicit Fd(int number) : number_{number} {}
    Fd(Fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    Fd& operator=(Fd&& other) noexcept
    {
        if (this != &other) reset(std::exchange(other.number_, -1));
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    void reset(int number = -1);

private:
    int number_ = -1;
};

}   // namespace mailcore::base
