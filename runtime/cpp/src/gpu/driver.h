// One GPU through the CUDA driver (runtime/gpu/driver.py, pycuda_driver.py), in its primary
// context, which ONNX Runtime, TensorRT and torch share.
#pragma once

#include <cstddef>
#include <string>

#include "gpu/cuda.h"
#include "gpu/libcuda.h"
#include "gpu/owned.h"

namespace ioebss::core {

// Every call that takes or does something must be made while an `Active` lives in the calling
// thread; to give back, that is not needed. All throw a backend error when the driver fails or
// there is no memory left. Safe to use from several threads.
class Driver {
  public:
    // The first GPU; CUDA_VISIBLE_DEVICES says which that is. Throws a backend error: there is no
    // driver or GPU, or the driver is too old.
    Driver();
    Driver(const Driver &) = delete;
    Driver &operator=(const Driver &) = delete;
    ~Driver();

    const Gpu &gpu() const { return gpu_; }

    // The GPU's context, current in this thread as long as this lives.
    class Active {
      public:
        explicit Active(const Driver &driver);
        Active(const Active &) = delete;
        Active &operator=(const Active &) = delete;
        ~Active();

      private:
        const Driver &driver_;
    };

    // At least one byte each.
    DeviceMemory allocate(std::size_t size) const;
    PinnedMemory allocate_pinned(std::size_t size) const;
    Stream open_stream() const;

    void synchronise(const Stream &stream) const;
    // Copy in order with the stream. Pinned memory must not change until it is synchronised; other
    // memory may, once the call has returned.
    void upload(cuda::Pointer to, const void *from, std::size_t size, const Stream &stream) const;
    // It has come when the stream is synchronised.
    void download(void *to, cuda::Pointer from, std::size_t size, const Stream &stream) const;

    Module load_module(const void *image) const;
    cuda::Function function(const Module &module, const char *name) const;
    // Starts a kernel whose only parameter is a pointer.
    void launch(cuda::Function function, unsigned blocks, unsigned threads, cuda::Pointer parameter,
                const Stream &stream) const;

    // From here on the stream's work is not done but recorded.
    void begin_capture(const Stream &stream) const;
    Graph end_capture(const Stream &stream) const;
    void launch_graph(const Graph &graph, const Stream &stream) const;

    // Does `work` with the context current; nothing where even that fails.
    template <typename Work>
    void quietly(const Work &work) const noexcept;

  private:
    const cuda::Functions &cu() const { return library_.functions(); }
    void check(cuda::Result code, const std::string &doing) const { library_.check(code, doing); }
    void release(cuda::Pointer memory) const noexcept;
    void release_pinned(void *memory) const noexcept;
    void close_stream(cuda::Stream stream) const noexcept;
    void unload_module(cuda::Module module) const noexcept;
    void destroy_graph(cuda::Executable graph) const noexcept;

    LibCuda library_;
    Gpu gpu_;
    cuda::Context context_ = nullptr;
};

template <typename Work>
void Driver::quietly(const Work &work) const noexcept {
    if (cu().cuCtxPushCurrent_v2(context_) == cuda::kSuccess) {
        work();
        cuda::Context popped = nullptr;
        cu().cuCtxPopCurrent_v2(&popped);
    }
}

}  // namespace ioebss::core
