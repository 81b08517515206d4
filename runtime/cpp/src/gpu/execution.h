// A network on the GPU, fed from device memory (runtime/gpu/engine.py).
#pragma once

#include <cstdint>

#include "gpu/driver.h"

namespace ioebss::core {

// What one session needs to run a network; it shares the weights with others. It belongs to one
// thread at a time.
class Execution {
  public:
    Execution() = default;
    Execution(const Execution &) = delete;
    Execution &operator=(const Execution &) = delete;
    // Gives back what it holds on the GPU; the driver need not be active.
    virtual ~Execution() = default;

    // Whether its work can be recorded in a CUDA graph, after it was done once for the shape.
    virtual bool capturable() const = 0;

    // Runs the network, in order with the stream; the driver must be active.
    //   input: float32 (channels, height, width), on the GPU.
    //   logits: float32 (height, width), there too.
    // Throws a backend error: it does not take this shape, or failed.
    virtual void enqueue(cuda::Pointer input, cuda::Pointer logits, std::int64_t channels,
                         std::int64_t height, std::int64_t width, const Stream &stream) = 0;
};

// Runs a network on values of the host. Throws a backend error.
void run_on_device(const Driver &driver, Execution &execution, const float *input,
                   std::int64_t channels, std::int64_t height, std::int64_t width, float *logits);

}  // namespace ioebss::core
