// Signals as calls: they are blocked in every thread and taken by one thread of ours that calls what was registered.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <thread>

namespace mailcore::run {

// Blocks these in the calling thread and all that it starts later. Call before any thread exists.
void block_signals(std::initializer_list<int> signals);

class SignalThread {
public:
    // Each signal must have been blocked. Handlers run on the signal thread, one at a time.
    explicit SignalThread(std::map<int, std::function<void()>> handlers);
    ~SignalThread();
    SignalThread(SignalThread const&) = delete;
    SignalThread& operator=(SignalThread const&) = delete;

private:
    void run();
    std::map<int, std::function<void()>> handlers_;
    int wake_ = -1;   // an eventfd that ends the thread
    int signals_ = -1;
    std::thread thread_;
};

}   // namespace mailcore::run
