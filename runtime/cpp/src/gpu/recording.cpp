#include "gpu/recording.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr int kMany = 1000;

}  // namespace

bool is_recorded_after(int times) { return times == 1 || times == 4 || times == 16 || times == 64; }

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
    try {
        driver_.begin_capture(stream);
        std::exception_ptr failure;
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        Graph made = driver_.end_capture(stream);
        if (failure != nullptr) {
            std::rethrow_exception(failure);
        }
        graph_ = std::move(made);
    } catch (const Error &) {
        // A graph that was recorded before is still right: only the first failure is final.
        recordable_ = static_cast<bool>(graph_);
    }
}

}  // namespace ioebss::core
