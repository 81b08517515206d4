// Work on the GPU that is done again and again (runtime/gpu/recording.py): recorded in a CUDA
// graph, it costs one launch.
#pragma once

#include <functional>

#include "gpu/driver.h"

namespace ioebss::core {

// Whether work that was done so many times is recorded before the next: as in
// runtime/gpu/recording.py.
bool is_recorded_after(int times);

// The work of one kind: done plainly the first time, as libraries want it, recorded before the
// times that `is_recorded_after` names, and played in between. Where it cannot be recorded at all
// it is done plainly always; where a later recording fails, the one before is played on.
class Recording {
  public:
    Recording(const Driver &driver, bool recordable) : driver_(driver), recordable_(recordable) {}

    // Does the work.
    //   work: puts it on the stream, the same each time until `forget`.
    // Throws a backend error: the work failed.
    void run(const std::function<void()> &work, const Stream &stream);

    // The work will be another one from now on.
    void forget();

  private:
    void record(const std::function<void()> &work, const Stream &stream);

    const Driver &driver_;
    bool recordable_;
    int done_ = 0;  // times; it stops counting behind the last recording
    Graph graph_;
};

}  // namespace ioebss::core
