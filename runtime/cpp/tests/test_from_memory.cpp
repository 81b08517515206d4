// A model in memory is the file's, to the bit, and is refused for the same reasons.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "check.h"
#include "ioebss/ioebss.hpp"
#include "sha256.h"
#include "source.h"

namespace {

constexpr std::int32_t kWidth = 150, kHeight = 110;

std::string content(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

ioebss::Bytes view(const std::string &bytes) { return {bytes.data(), bytes.size()}; }

std::string manifest_with(const std::string &manifest, const std::string &sha256) {
    std::string text = manifest;
    const std::string key = "\"sha256\": \"";
    return text.replace(text.find(key) + key.size(), 64, sha256);
}

// Mask and probability after two clicks on a photo of slopes.
std::pair<std::vector<std::uint8_t>, std::vector<float>> answer(const ioebss::Model &model) {
    std::vector<std::uint8_t> pixels;
    for (std::int32_t i = 0; i < kWidth * kHeight; ++i) {
        const std::int32_t x = i % kWidth, y = i / kWidth;
        const bool on = (x - 70) * (x - 70) + (y - 50) * (y - 50) < 900;
        pixels.push_back(static_cast<std::uint8_t>(on ? 200 - y / 2 : 40 + x / 3));
    }
    ioebss::Session session = model.open({pixels.data(), kWidth, kHeight, ioebss::Channels::grey});
    session.click(70, 50);
    const ioebss::MaskView mask = session.click(5, 100, ioebss::kBackground);
    return {{mask.data, mask.data + kWidth * kHeight}, session.probability()};
}

void check_equal(const std::string &path) {
    const ioebss::Model file(path + ".onnx");
    std::string onnx = content(path + ".onnx"), manifest = content(path + ".json");
    const auto model = ioebss::Model::from_memory(view(onnx), view(manifest));
    // What was passed is ours again.
    std::fill(onnx.begin(), onnx.end(), '\0');
    std::fill(manifest.begin(), manifest.end(), '\0');
    CHECK(model.name() == file.name() && model.size() == file.size());
    CHECK(model.backend() == "onnxruntime-cpu" && model.zooms() == file.zooms());
    const auto found = answer(model);
    CHECK(found == answer(file));
    CHECK(std::count(found.first.begin(), found.first.end(), 255) > 0);
}

// Whether a model in memory is refused with this status, and words that say why.
bool refused(ioebss_status status, const std::string &part, const ioebss::Bytes &onnx,
             const ioebss::Bytes &manifest, const ioebss::Options &options = {}) {
    try {
        ioebss::Model::from_memory(onnx, manifest, options);
    } catch (const ioebss::Error &error) {
        if (error.status() == status && std::string(error.what()).find(part) != std::string::npos) {
            return true;
        }
        std::fprintf(stderr, "status %d: %s\n", static_cast<int>(error.status()), error.what());
    }
    return false;
}

bool damaged(const std::string &part, const std::string &onnx, const std::string &manifest) {
    return refused(IOEBSS_ERROR_MODEL, part, view(onnx), view(manifest));
}

void check_refusals(const std::string &path) {
    const std::string onnx = content(path + ".onnx"), manifest = content(path + ".json");
    std::string other = onnx;
    other.back() = static_cast<char>(other.back() ^ 1);
    CHECK(damaged("is not the one that its manifest describes", other, manifest));
    CHECK(damaged("is not the one that its manifest describes", onnx.substr(1), manifest));
    CHECK(damaged("the manifest in memory cannot be read as JSON", onnx, manifest.substr(9)));
    CHECK(damaged("the manifest in memory cannot be read as JSON", onnx, ""));
    CHECK(damaged("lacks", onnx, R"({"format": 1})"));
    CHECK(damaged("is an engine's", onnx, R"({"format": 1, "engine_sha256": "", "model": {}})"));
    for (const std::string &graph : {std::string("abc"), std::string()}) {
        const std::string fits = manifest_with(manifest, ioebss::core::sha256_of_bytes(graph));
        CHECK(damaged("the model in memory cannot be loaded by onnxruntime", graph, fits));
    }
    // Too many bytes are not looked at.
    CHECK(refused(IOEBSS_ERROR_MODEL, "larger than 2147483647 bytes",
                  {onnx.data(), ioebss::core::kMaxGraphBytes + 1}, view(manifest)));
    CHECK(refused(IOEBSS_ERROR_MODEL, "larger than 1048576 bytes", view(onnx),
                  {manifest.data(), ioebss::core::kMaxManifestBytes + 1}));
}

void check_usage(const std::string &path) {
    const std::string onnx = content(path + ".onnx"), manifest = content(path + ".json");
    CHECK(refused(IOEBSS_ERROR_USAGE, "NULL", {nullptr, 5}, view(manifest)));
    CHECK(refused(IOEBSS_ERROR_USAGE, "NULL", view(onnx), {}));
    ioebss::Options options;
    options.size = 321;
    CHECK(refused(IOEBSS_ERROR_USAGE, "multiple of 16", view(onnx), view(manifest), options));
    options.size = 0;
    for (const char *name : {"tensorrt", "tensorrt-rtx"}) {
        options.backend = name;
        CHECK(refused(IOEBSS_ERROR_BACKEND, "the model is in memory", view(onnx), view(manifest),
                      options));
    }
    CHECK(ioebss_model_open_memory(onnx.data(), onnx.size(), manifest.data(), manifest.size(),
                                   nullptr, nullptr) == IOEBSS_ERROR_USAGE);
    int mark = 0;  // a handle that failed is NULL, whatever it was
    auto *handle = reinterpret_cast<ioebss_model *>(&mark);
    CHECK(ioebss_model_open_memory(nullptr, 0, nullptr, 0, nullptr, &handle) == IOEBSS_ERROR_USAGE);
    CHECK(handle == nullptr);
}

}  // namespace

int main(int, char **arguments) {
    if (!check::has_engine()) {
        return check::kSkipped;
    }
    const std::string path = std::string(arguments[1]) + "/default";
    check_equal(path);
    check_equal(path + ".int8.cpu");
    check_refusals(path);
    check_usage(path);
    return check::result();
}
