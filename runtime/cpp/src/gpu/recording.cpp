#include "gpu/recording.h"

#include <exception>

#include "error.h"

namespace ioebss::core {

void Recording::run(const std::function<void()> &work, const Stream &stream) {
    if (done_ && recordable_ && !graph_) {
        record(work, stream);
    }
    if (graph_) {
        driver_.launch_graph(graph_, stream);
    } else {
        work();
        done_ = true;
    }
}

void Recording::forget() {
    graph_.reset();
    done_ = false;
}

// Recording ends in any case, or the stream could never be used again.
void Recording::record(const std::function<void()> &work, const Stream &stream) {
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
