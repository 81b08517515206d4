// A driver's library that answers as environment variables say: what the probe is tested against,
// here (with the rest of libcuda.cpp) and in tests/runtime.
#include <cstdlib>
#include <cstring>

static int number(const char *name, int otherwise) {
    const char *text = std::getenv(name);
    return text ? std::atoi(text) : otherwise;
}

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
extern "C" {
int cuInit(unsigned) { return number("TEST_CUDA_INIT", 0); }
int cuDriverGetVersion(int *version) { return *version = number("TEST_CUDA_VERSION", 13000), 0; }
int cuDeviceGetCount(int *count) { return *count = number("TEST_CUDA_GPUS", 1), 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetName(char *name, int size, int) {
    std::strncpy(name, "NVIDIA Test", static_cast<std::size_t>(size));
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
    int capability = number("TEST_CUDA_CAPABILITY", 90);
    *value = attribute == 75 ? capability / 10 : capability % 10;
    return attribute == 75 || attribute == 76 ? 0 : 1;
}
int cuDeviceTotalMem_v2(std::size_t *bytes, int) { return *bytes = std::size_t{80} << 30, 0; }
int cuGetErrorName(int code, const char **name) {
    *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
    return code == 803 ? 0 : 1;
}
}
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
