// The part of the CUDA driver's interface that is used, declared here so that building takes no
// CUDA toolkit: types, values and functions as in NVIDIA's cuda.h, which a test compares with them
// where it is there.
#pragma once

#include <cstddef>

struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace ioebss::core::cuda {

using Result = int;
using Device = int;
using Pointer = unsigned long long;  // an address of device memory
using Context = CUctx_st *;
using Module = CUmod_st *;
using Function = CUfunc_st *;
using Stream = CUstream_st *;
using Graph = CUgraph_st *;
using Executable = CUgraphExec_st *;

constexpr Result kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100;
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // attributes of a device
constexpr unsigned kNonBlocking = 1;  // of a stream: it does not wait for the default one
constexpr int kThreadLocal = 1;       // mode of a capture: other sessions' threads go on

// The driver's functions, by their names in its library.
#define IOEBSS_CUDA_FUNCTIONS(X)                                                                  \
    X(cuInit, unsigned)                                                                           \
    X(cuDriverGetVersion, int *)                                                                  \
    X(cuGetErrorName, cuda::Result, const char **)                                                \
    X(cuDeviceGetCount, int *)                                                                    \
    X(cuDeviceGet, cuda::Device *, int)                                                           \
    X(cuDeviceGetName, char *, int, cuda::Device)                                                 \
    X(cuDeviceGetAttribute, int *, int, cuda::Device)                                             \
    X(cuDevicePrimaryCtxRetain, cuda::Context *, cuda::Device)                                    \
    X(cuDevicePrimaryCtxRelease_v2, cuda::Device)                                                 \
    X(cuCtxPushCurrent_v2, cuda::Context)                                                         \
    X(cuCtxPopCurrent_v2, cuda::Context *)                                                        \
    X(cuMemAlloc_v2, cuda::Pointer *, std::size_t)                                                \
    X(cuMemFree_v2, cuda::Pointer)                                                                \
    X(cuMemHostAlloc, void **, std::size_t, unsigned)                                             \
    X(cuMemFreeHost, void *)                                                                      \
    X(cuMemcpyHtoDAsync_v2, cuda::Pointer, const void *, std::size_t, cuda::Stream)               \
    X(cuMemcpyDtoHAsync_v2, void *, cuda::Pointer, std::size_t, cuda::Stream)                     \
    X(cuStreamCreate, cuda::Stream *, unsigned)                                                   \
    X(cuStreamDestroy_v2, cuda::Stream)                                                           \
    X(cuStreamSynchronize, cuda::Stream)                                                          \
    X(cuStreamBeginCapture_v2, cuda::Stream, int)                                                 \
    X(cuStreamEndCapture, cuda::Stream, cuda::Graph *)                                            \
    X(cuGraphInstantiateWithFlags, cuda::Executable *, cuda::Graph, unsigned long long)           \
    X(cuGraphDestroy, cuda::Graph)                                                                \
    X(cuGraphLaunch, cuda::Executable, cuda::Stream)                                              \
    X(cuGraphExecDestroy, cuda::Executable)                                                       \
    X(cuModuleLoadData, cuda::Module *, const void *)                                             \
    X(cuModuleUnload, cuda::Module)                                                               \
    X(cuModuleGetFunction, cuda::Function *, cuda::Module, const char *)                          \
    X(cuLaunchKernel, cuda::Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
      unsigned, cuda::Stream, void **, void **)

template <typename... Arguments>
using Call = Result (*)(Arguments...);

struct Functions {
#define IOEBSS_CUDA_MEMBER(name, ...) Call<__VA_ARGS__> name;
    IOEBSS_CUDA_FUNCTIONS(IOEBSS_CUDA_MEMBER)
#undef IOEBSS_CUDA_MEMBER
};

}  // namespace ioebss::core::cuda
