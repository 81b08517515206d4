#include "gpu/execution.h"

namespace ioebss::core {

void run_on_device(const Driver &driver, Execution &execution, const float *input,
                   std::int64_t channels, std::int64_t height, std::int64_t width, float *logits) {
    const Driver::Active active(driver);
    const auto plane = sizeof(float) * static_cast<std::size_t>(height * width);
    const auto size = plane * static_cast<std::size_t>(channels);
    const Stream stream = driver.open_stream();
    const DeviceMemory device_input = driver.allocate(size), device_logits = driver.allocate(plane);
    driver.upload(device_input.get(), input, size, stream);
    execution.enqueue(device_input.get(), device_logits.get(), channels, height, width, stream);
    driver.download(logits, device_logits.get(), plane, stream);
    driver.synchronise(stream);
}

}  // namespace ioebss::core
