#include "device_models.h"

#include <filesystem>
#include <utility>

#include "backends/onnxruntime.h"
#include "check.h"
#include "driver/echo.h"
#include "driver/stand_in.h"
#include "error.h"
#include "gpu/device_eye.h"

using namespace ioebss::core;

namespace {

class Echo : public Backend {
  public:
    explicit Echo(std::int64_t channels) : channels_(channels) {}

    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &) const override {
        echo(input, channels_, height, width, logits);
    }

  private:
    std::int64_t channels_;
};

// A network of the host on the memory of the stand-in.
class HostExecution : public Execution {
  public:
    explicit HostExecution(const Backend &network) : network_(network) {}

    bool capturable() const override { return true; }

    void enqueue(cuda::Pointer input, cuda::Pointer logits, std::int64_t, std::int64_t height,
                 std::int64_t width, const Stream &stream) override {
        auto work = [this, input, logits, height, width] {
            Cancellation never;
            network_.run(device_pointer<float>(input), height, width, device_pointer<float>(logits),
                         never);
        };
        if (!stand_in::enqueue(stream.get(), work)) {
            throw backend_error("the network failed");
        }
    }

  private:
    const Backend &network_;
};

class DeviceBackend : public Backend {
  public:
    explicit DeviceBackend(std::unique_ptr<Backend> network)
        : network_(std::move(network)), kernels_(driver_) {}

    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &cancellation) const override {
        network_->run(input, height, width, logits, cancellation);
    }

    std::unique_ptr<Eye> eye(const Photo &photo, const Manifest &manifest,
                             std::int64_t longest) const override {
        return std::make_unique<DeviceEye>(photo, manifest, driver_, kernels_,
                                           std::make_unique<HostExecution>(*network_), longest);
    }

  private:
    std::unique_ptr<Backend> network_;
    Driver driver_;
    Kernels kernels_;
};

std::shared_ptr<const Model> model_of(std::unique_ptr<Backend> backend, const Manifest &manifest,
                                      const Habits &habits) {
    return std::make_shared<const Model>(
        Model{Choice{"test", std::move(backend), "", manifest}, habits});
}

}  // namespace

Noise::Noise(std::int32_t width, std::int32_t height, int seed) : width_(width), height_(height) {
    std::mt19937 random(static_cast<unsigned>(seed));
    pixels_.resize(static_cast<std::size_t>(3) * static_cast<std::size_t>(width) *
                   static_cast<std::size_t>(height));
    for (std::uint8_t &value : pixels_) {
        value = static_cast<std::uint8_t>(random() % 256);
    }
}

std::shared_ptr<const Model> echo_model(const Manifest &manifest, const Habits &habits) {
    const auto channels = static_cast<std::int64_t>(manifest.channels.size());
    return model_of(std::make_unique<Echo>(channels), manifest, habits);
}

Pair echo_pair(int channels, std::int64_t longest, const std::optional<Zoom> &zoom) {
    Manifest manifest;
    manifest.name = "echo";
    manifest.channels.resize(static_cast<std::size_t>(channels));
    manifest.click_radius = 5;
    manifest.size_multiple = 8;
    const Habits habits{longest, zoom, false};
    return {model_of(std::make_unique<DeviceBackend>(std::make_unique<Echo>(channels)), manifest,
                     habits),
            echo_model(manifest, habits)};
}

std::optional<Pair> network_pair(const std::string &model, std::int64_t longest) {
    if (!check::has_engine() || !std::filesystem::exists(model)) {
        return std::nullopt;
    }
    const Manifest manifest = read_model_manifest({model});
    const Habits habits{longest, manifest.zoom, false};
    EngineOptions options;
    options.threads = 1;
    auto network = [&] { return open_onnxruntime_cpu({model}, manifest, options); };
    return Pair{model_of(std::make_unique<DeviceBackend>(network()), manifest, habits),
                model_of(network(), manifest, habits)};
}
