// The NVIDIA driver's library (runtime/gpu/libcuda.py), loaded when it is needed, and what it says
// about itself: before anything is loaded that crashes where there is no driver.
#pragma once

#include <string>

#include "backends/shared_library.h"
#include "gpu/cuda.h"

namespace ioebss::core {

struct Gpu {
    std::string name, compute_capability;  // "9.0" for example
};

class LibCuda {
  public:
    // Throws a backend error: there is no driver, or it is too old.
    LibCuda();

    const cuda::Functions &functions() const { return functions_; }

    // The first GPU; CUDA_VISIBLE_DEVICES says which that is. Throws a backend error: there is
    // none, the driver does not start, or it is too old.
    Gpu require_gpu() const;

    // Throws a backend error if a call returned one: "DOING failed: CUDA_ERROR_... (N)".
    void check(cuda::Result code, const std::string &doing) const;

  private:
    std::string error_name(cuda::Result code) const;

    SharedLibrary library_;
    cuda::Functions functions_;
};

}  // namespace ioebss::core
