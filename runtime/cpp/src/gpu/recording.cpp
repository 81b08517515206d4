#include "gpu/recording.h"

#include <algorithm>
#include <exception>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr int kMany = 1000;

// Times that the work was done before it is recorded, as in runtime/gpu/recording.py.
bool is_recorded_after(int times) { return times == 1 || times == 4 || times == 16 || times == 64; }

}  // namespace

void Recording::run(const std::function<void()> &work, const Stream &stream) {
    if (recordable_ && is_recorded_after(done_)) {
        record(work, stream);
    }
    if (graph_) {
        driver_.launch_graph(graph_, stream);
    } else {
        work();
    }
    done_ = std::min(done_ + 1, kMany);
}

void Recording::forget() {
    graph_.reset();
    done_ = 0;
}

// Recording ends in any case, or the stream could never be used again.
void Recording::record(const std::function<void()> &work, const Stream &stream) {
    graph_.reset();
    std::exception_ptr failure;
    try {
        driver_.begin_capture(stream);
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        graph_ = driver_.end_capture(stream);
        if (failure != nullptr) {
            std::rethrow_exception(failure);
        }
    } catch (const Error &) {
        forget();
        recordable_ = false;
    }
}

}  // namespace ioebss::core
