// What is asked of the driver before anything is loaded that needs one; the driver is a stand-in
// that answers as the environment says.
#include "gpu/libcuda.h"

#include <cstdlib>
#include <string>

#include "check.h"
#include "driver/stand_in.h"
#include "gpu/driver.h"
#include "gpu/kernels.h"

using namespace ioebss::core;

namespace {

bool refused(const char *name, const char *value, const std::string &part) {
    setenv(name, value, 1);
    const bool right = check::throws(IOEBSS_ERROR_BACKEND, part, [] { LibCuda().require_gpu(); });
    unsetenv(name);
    return right;
}

void check_drivers() {
    setenv("TEST_CUDA_CAPABILITY", "121", 1);
    const Gpu gpu = LibCuda().require_gpu();
    CHECK(gpu.name == "NVIDIA Test" && gpu.compute_capability == "12.1");
    unsetenv("TEST_CUDA_CAPABILITY");
    CHECK(refused("TEST_CUDA_VERSION", "12080",
                  "too old: it speaks CUDA 12.8, 13.0 is needed; install NVIDIA driver r580"));
    CHECK(refused("TEST_CUDA_INIT", "100", "sees no GPU; see nvidia-smi"));
    CHECK(refused("TEST_CUDA_GPUS", "0", "sees no GPU; see nvidia-smi"));
    CHECK(refused("TEST_CUDA_INIT", "803",
                  "does not start: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803); see nvidia-smi, and "
                  "reboot"));
    CHECK(refused("TEST_CUDA_INIT", "999", "does not start: CUDA error 999;"));
}

void check_kernels() {
    CHECK(stand_in::held() == 0);
    {
        const Driver driver;
        const Kernels kernels(driver);
        CHECK(stand_in::held() == 2);  // the context and the module
        stand_in::set_loadable(false);
        CHECK(check::throws(IOEBSS_ERROR_BACKEND,
                            "do not load on NVIDIA Test (compute capability 9.0; they are built "
                            "for sm_75, ",
                            [&] { Kernels{driver}; }));
    }
    CHECK(stand_in::held() == 0);
}

}  // namespace

int main(int, char **) {
    check_drivers();
    check_kernels();
    return check::result();
}
