// Models for the tests of the GPU's way: each twice, seen by the eye of a GPU (with the stand-in
// for its driver) and by the host's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "model.h"
#include "session.h"

// A photo of noise, red green blue.
class Noise {
  public:
    Noise(std::int32_t width, std::int32_t height, int seed);
    ioebss_image view() const { return {pixels_.data(), width_, height_, 0, IOEBSS_RGB}; }

  private:
    std::int32_t width_, height_;
    std::vector<std::uint8_t> pixels_;
};

struct Pair {
    std::shared_ptr<const ioebss::core::Model> device, host;
};

// With the network of echo.h, on the host.
std::shared_ptr<const ioebss::core::Model> echo_model(const ioebss::core::Manifest &manifest,
                                                      const ioebss::core::Habits &habits);

// The same twice.
Pair echo_pair(int channels, std::int64_t longest, const std::optional<ioebss::core::Zoom> &zoom);

// With a model's own network in ONNX Runtime; none where there is no ONNX Runtime or no such file.
std::optional<Pair> network_pair(const std::string &model, std::int64_t longest);
