// What is owned on the GPU: given back when its owner goes, on close as on error.
#pragma once

#include <cstring>
#include <utility>

#include "gpu/cuda.h"

namespace ioebss::core {

class Driver;

// A handle or address of the driver with the function that gives it back.
template <typename T>
class Owned {
  public:
    using GiveBack = void (Driver::*)(T) const noexcept;

    Owned() = default;
    Owned(const Driver &driver, T handle, GiveBack give_back)
        : driver_(&driver), handle_(handle), give_back_(give_back) {}
    Owned(Owned &&other) noexcept
        : driver_(other.driver_),
          handle_(std::exchange(other.handle_, T{})),
          give_back_(other.give_back_) {}
    Owned &operator=(Owned &&other) noexcept {
        std::swap(driver_, other.driver_);
        std::swap(handle_, other.handle_);
        std::swap(give_back_, other.give_back_);
        return *this;
    }
    ~Owned() { reset(); }

    T get() const { return handle_; }
    explicit operator bool() const { return handle_ != T{}; }

    void reset() noexcept {
        if (handle_ != T{}) {
            (driver_->*give_back_)(std::exchange(handle_, T{}));
        }
    }

  private:
    const Driver *driver_ = nullptr;
    T handle_{};
    GiveBack give_back_ = nullptr;
};

using DeviceMemory = Owned<cuda::Pointer>;
using PinnedMemory = Owned<void *>;  // of the host, copied from and to without a detour
using Stream = Owned<cuda::Stream>;  // a queue of work
using Module = Owned<cuda::Module>;
using Graph = Owned<cuda::Executable>;  // recorded work

// An address of device memory as a pointer: to be written into parameters of kernels, never
// followed on the host.
template <typename T>
T *device_pointer(cuda::Pointer address) {
    T *pointer = nullptr;
    static_assert(sizeof(void *) == sizeof address);
    std::memcpy(&pointer, &address, sizeof address);
    return pointer;
}

}  // namespace ioebss::core
