#include "gpu/libcuda.h"

#include <array>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr const char *kLibrary = "libcuda.so.1";
constexpr const char *kAdvice = "install NVIDIA driver r580 or newer";
constexpr int kMinimum = 13'000;  // CUDA 13.0: kernels and engines are built with it

SharedLibrary loaded() {
    try {
        return SharedLibrary(kLibrary);
    } catch (const Error &) {
        throw backend_error(std::string("no NVIDIA driver: ") + kLibrary + " is not there; " +
                            kAdvice);
    }
}

template <typename T>
void find(const SharedLibrary &library, const char *name, T &function) {
    function = reinterpret_cast<T>(library.symbol(name));
    if (function == nullptr) {
        throw backend_error(std::string("the NVIDIA driver is too old: it has no ") + name + "; " +
                            kAdvice);
    }
}

cuda::Functions functions_of(const SharedLibrary &library) {
    cuda::Functions functions{};
#define IOEBSS_CUDA_FIND(name, ...) find(library, #name, functions.name);
    IOEBSS_CUDA_FUNCTIONS(IOEBSS_CUDA_FIND)
#undef IOEBSS_CUDA_FIND
    return functions;
}

// 12080 as "12.8".
std::string shown(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

Error no_gpu() {
    return backend_error("the NVIDIA driver sees no GPU; see nvidia-smi and CUDA_VISIBLE_DEVICES");
}

}  // namespace

LibCuda::LibCuda() : library_(loaded()), functions_(functions_of(library_)) {}

Gpu LibCuda::require_gpu() const {
    const cuda::Functions &cu = functions_;
    const cuda::Result code = cu.cuInit(0);
    if (code == cuda::kNoDevice) {
        throw no_gpu();
    }
    if (code != cuda::kSuccess) {
        throw backend_error("the NVIDIA driver does not start: " + error_name(code) +
                            "; see nvidia-smi, and reboot after a driver update, or " + kAdvice);
    }
    const char *asking = "asking the NVIDIA driver";
    int version = 0, count = 0, major = 0, minor = 0;
    check(cu.cuDriverGetVersion(&version), asking);
    if (version < kMinimum) {
        throw backend_error("the NVIDIA driver is too old: it speaks CUDA " + shown(version) +
                            ", " + shown(kMinimum) + " is needed; " + kAdvice);
    }
    check(cu.cuDeviceGetCount(&count), asking);
    if (count < 1) {
        throw no_gpu();
    }
    cuda::Device device = 0;
    check(cu.cuDeviceGet(&device, 0), asking);
    std::array<char, 256> name{};
    check(cu.cuDeviceGetName(name.data(), name.size(), device), "asking a GPU for its name");
    name.back() = '\0';
    check(cu.cuDeviceGetAttribute(&major, cuda::kCapabilityMajor, device), asking);
    check(cu.cuDeviceGetAttribute(&minor, cuda::kCapabilityMinor, device), asking);
    return {name.data(), std::to_string(major) + "." + std::to_string(minor)};
}

void LibCuda::check(cuda::Result code, const std::string &doing) const {
    if (code == cuda::kOutOfMemory) {
        throw backend_error(doing +
                            " failed: the GPU's memory is used up; close other sessions and "
                            "programs, or use a smaller size");
    }
    if (code != cuda::kSuccess) {
        throw backend_error(doing + " failed: " + error_name(code));
    }
}

// A driver's error in words: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)".
std::string LibCuda::error_name(cuda::Result code) const {
    const char *text = nullptr;
    if (functions_.cuGetErrorName(code, &text) == cuda::kSuccess && text != nullptr) {
        return std::string(text) + " (" + std::to_string(code) + ")";
    }
    return "CUDA error " + std::to_string(code);
}

}  // namespace ioebss::core
