#include "gpu/driver.h"

namespace ioebss::core {

Driver::Driver() : gpu_(library_.require_gpu()) {
    check(cu().cuDevicePrimaryCtxRetain(&context_, 0), "opening the GPU");
}

Driver::~Driver() { cu().cuDevicePrimaryCtxRelease_v2(0); }

Driver::Active::Active(const Driver &driver) : driver_(driver) {
    driver.check(driver.cu().cuCtxPushCurrent_v2(driver.context_), "entering the GPU's context");
}

Driver::Active::~Active() {
    cuda::Context popped = nullptr;
    driver_.cu().cuCtxPopCurrent_v2(&popped);
}

// -- memory and streams

DeviceMemory Driver::allocate(std::size_t size) const {
    cuda::Pointer memory = 0;
    check(cu().cuMemAlloc_v2(&memory, size),
          "allocating " + std::to_string(size) + " bytes on the GPU");
    return {*this, memory, &Driver::release};
}

PinnedMemory Driver::allocate_pinned(std::size_t size) const {
    void *memory = nullptr;
    check(cu().cuMemHostAlloc(&memory, size, 0), "pinning " + std::to_string(size) + " bytes");
    return {*this, memory, &Driver::release_pinned};
}

Stream Driver::open_stream() const {
    cuda::Stream stream = nullptr;
    check(cu().cuStreamCreate(&stream, cuda::kNonBlocking), "opening a stream");
    return {*this, stream, &Driver::close_stream};
}

void Driver::synchronise(const Stream &stream) const {
    check(cu().cuStreamSynchronize(stream.get()), "work on the GPU");
}

void Driver::upload(cuda::Pointer to, const void *from, std::size_t size,
                    const Stream &stream) const {
    check(cu().cuMemcpyHtoDAsync_v2(to, from, size, stream.get()), "copying to the GPU");
}

void Driver::download(void *to, cuda::Pointer from, std::size_t size, const Stream &stream) const {
    check(cu().cuMemcpyDtoHAsync_v2(to, from, size, stream.get()), "copying from the GPU");
}

// -- kernels

Module Driver::load_module(const void *image) const {
    cuda::Module module = nullptr;
    check(cu().cuModuleLoadData(&module, image), "loading kernels");
    return {*this, module, &Driver::unload_module};
}

cuda::Function Driver::function(const Module &module, const char *name) const {
    cuda::Function function = nullptr;
    check(cu().cuModuleGetFunction(&function, module.get(), name),
          std::string("finding the kernel ") + name);
    return function;
}

void Driver::launch(cuda::Function function, unsigned blocks, unsigned threads,
                    cuda::Pointer parameter, const Stream &stream) const {
    void *parameters[] = {&parameter};
    check(cu().cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream.get(), parameters,
                              nullptr),
          "launching a kernel");
}

// -- graphs

void Driver::begin_capture(const Stream &stream) const {
    check(cu().cuStreamBeginCapture_v2(stream.get(), cuda::kThreadLocal), "recording a CUDA graph");
}

Graph Driver::end_capture(const Stream &stream) const {
    cuda::Graph recorded = nullptr;
    cuda::Executable executable = nullptr;
    check(cu().cuStreamEndCapture(stream.get(), &recorded), "recording a CUDA graph");
    const cuda::Result made = cu().cuGraphInstantiateWithFlags(&executable, recorded, 0);
    cu().cuGraphDestroy(recorded);
    check(made, "making a CUDA graph");
    return {*this, executable, &Driver::destroy_graph};
}

void Driver::launch_graph(const Graph &graph, const Stream &stream) const {
    check(cu().cuGraphLaunch(graph.get(), stream.get()), "launching a CUDA graph");
}

// -- giving back: one that fails does not keep the others

void Driver::release(cuda::Pointer memory) const noexcept {
    quietly([&] { cu().cuMemFree_v2(memory); });
}

void Driver::release_pinned(void *memory) const noexcept {
    quietly([&] { cu().cuMemFreeHost(memory); });
}

void Driver::close_stream(cuda::Stream stream) const noexcept {
    quietly([&] { cu().cuStreamDestroy_v2(stream); });
}

void Driver::unload_module(cuda::Module module) const noexcept {
    quietly([&] { cu().cuModuleUnload(module); });
}

void Driver::destroy_graph(cuda::Executable graph) const noexcept {
    quietly([&] { cu().cuGraphExecDestroy(graph); });
}

}  // namespace ioebss::core
