// How one thread stops what another one waits for: a network that runs.
#pragma once

#include <functional>
#include <mutex>

namespace ioebss::core {

class Cancellation {
  public:
    // Work that may be stopped, one at a time. Requests count from its beginning until it settles.
    class Work {
      public:
        explicit Work(Cancellation &own);
        Work(const Work &) = delete;
        Work &operator=(const Work &) = delete;
        ~Work();

        // From here on it is too late to stop it. Throws a cancelled error if that was asked for.
        void settle();

      private:
        Cancellation &own_;
    };

    // A part of the work that knows how to be stopped.
    class Run {
      public:
        // Throws a cancelled error if that was asked for already.
        //   stop: called at most once, by another thread, and not after the end of this. It must
        //     not throw.
        Run(Cancellation &own, std::function<void()> stop);
        Run(const Run &) = delete;
        Run &operator=(const Run &) = delete;
        ~Run();

      private:
        Cancellation &own_;
    };

    // Asks for the work to be stopped, from any thread. Whether there is any: then it throws a
    // cancelled error.
    bool request();

  private:
    std::mutex mutex_;
    bool works_ = false, requested_ = false;
    std::function<void()> stop_;
};

}  // namespace ioebss::core
