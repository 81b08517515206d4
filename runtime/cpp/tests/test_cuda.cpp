// Our declarations of the CUDA driver's functions against NVIDIA's own, where cuda.h is there: it
// compiles or does not.
#include "gpu/cuda.h"

#include <cuda.h>

#include <cstdio>
#include <type_traits>

namespace {

using namespace ioebss::core;

// An enumeration is passed as the whole number that it is.
template <typename T>
using Plain = std::conditional_t<std::is_enum_v<T>, int, T>;

template <typename... Theirs, typename... Ours>
constexpr bool same(CUresult (*)(Theirs...), cuda::Call<Ours...>) {
    return std::is_same_v<void(Plain<Theirs>...), void(Ours...)>;
}

#define IOEBSS_CUDA_COMPARE(name, ...) \
    static_assert(same(decltype(&::name){nullptr}, cuda::Call<__VA_ARGS__>{nullptr}), #name);
IOEBSS_CUDA_FUNCTIONS(IOEBSS_CUDA_COMPARE)

static_assert(sizeof(CUresult) == sizeof(cuda::Result) &&
              sizeof(CUstreamCaptureMode) == sizeof(int) &&
              sizeof(CUdevice_attribute) == sizeof(int));
static_assert(CUDA_ERROR_OUT_OF_MEMORY == cuda::kOutOfMemory &&
              CUDA_ERROR_NO_DEVICE == cuda::kNoDevice &&
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR == cuda::kCapabilityMajor &&
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR == cuda::kCapabilityMinor &&
              CU_STREAM_NON_BLOCKING == cuda::kNonBlocking &&
              CU_STREAM_CAPTURE_MODE_THREAD_LOCAL == cuda::kThreadLocal);

}  // namespace

int main() { std::puts("0 failed"); }
