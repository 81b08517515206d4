// Engines of TensorRT, opened and clicked on: its library and the driver are stand-ins, the rest is
// real. Each engine is a text that says how it behaves; see driver/libnvinfer.cpp.
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "device_models.h"
#include "driver/stand_in.h"
#include "engine_files.h"
#include "ioebss/ioebss.hpp"
#include "sha256.h"
#include "temporary_folder.h"

using Json = nlohmann::json;
namespace core = ioebss::core;

namespace {

std::string digest(const std::string &text) {
    core::Sha256 sha;
    sha.update(reinterpret_cast<const std::uint8_t *>(text.data()), text.size());
    return sha.hex_digest();
}

// A model and the engine made from it.
class Machine {
  public:
    explicit Machine(const std::string &plan = "echo") : folder_("tensorrt") {
        std::ofstream(model()) << "onnx";
        Json manifest = Json::parse(R"({"name": "echo", "architecture": "echo", "format": 1,
            "opset": 18, "click_radius": 5, "size_multiple": 8, "recommended_sizes": [64],
            "channels": ["red", "green", "blue", "positive", "negative", "previous"],
            "precision": "fp16", "zoom": {"margin": 1.5, "keep": 1.1, "min_side": 30, "first": 0.6}})");
        manifest["sha256"] = digest("onnx");
        std::ofstream(folder_.path() / "echo.json") << manifest;
        std::ofstream(engine()) << plan;
        table_ = Json::parse(R"({"flavour": "tensorrt", "compute_capability": ["9.0"],
            "precision": "fp16", "onnx": "echo.onnx", "format": 1,
            "profile": [{"min": [1, 8, 8], "opt": [1, 32, 32], "max": [1, 32, 32]},
                        {"min": [1, 8, 8], "opt": [1, 64, 64], "max": [1, 64, 64]}],
            "proof": {"status": "passed", "reason": "100 photographs"}})");
        table_["version"] = TENSORRT_VERSION;
        table_["onnx_sha256"] = digest("onnx");
        table_["engine_sha256"] = digest(plan);
        table_["model"] = manifest;
        write();
    }

    std::string model() const { return (folder_.path() / "echo.onnx").string(); }
    std::string engine() const { return (folder_.path() / "echo.tensorrt.engine").string(); }

    void change(const char *pointer, const Json &value) {
        table_[Json::json_pointer(pointer)] = value;
        write();
    }

  private:
    void write() const { std::ofstream(engine() + ".json") << table_; }

    TemporaryFolder folder_;
    Json table_;
};

std::vector<std::uint8_t> clicked(const ioebss::Model &model, const Noise &photo) {
    const ioebss_image view = photo.view();
    ioebss::Session session = model.open({view.data, view.width, view.height});
    std::vector<std::uint8_t> all;
    auto keep = [&](const ioebss::MaskView &mask) {
        all.insert(all.end(), mask.data, mask.data + std::ptrdiff_t{mask.width} * mask.height);
    };
    for (int i = 0; i < 5; ++i) {
        keep(session.click(20 + 9 * i, 30 + 5 * i, i == 3 ? 0 : 1));
    }
    keep(session.undo());
    return all;
}

std::vector<std::uint8_t> expected(const Machine &machine, const Noise &photo, bool flip) {
    const core::Manifest manifest = core::read_model_manifest({machine.model()});
    const auto model = echo_model(manifest, {64, manifest.zoom, flip});
    const ioebss_image view = photo.view();
    core::Session session(model, &view);
    const auto size = static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height);
    std::vector<std::uint8_t> all(6 * size);
    auto rows = [&](std::size_t i) {
        return core::Rows<std::uint8_t>{all.data() + i * size, view.width};
    };
    for (int i = 0; i < 5; ++i) {
        session.click(20 + 9 * i, 30 + 5 * i, i == 3 ? 0 : 1, rows(static_cast<std::size_t>(i)));
    }
    session.undo(rows(5));
    return all;
}

void check_masks() {
    const Machine machine;
    const Noise photo(133, 101, 3);
    {
        const ioebss::Model beside(machine.model());
        CHECK(beside.backend() == "tensorrt");
        CHECK(beside.backend_log() ==
              "tensorrt: echo.tensorrt.engine in fp16, proof passed: 100 photographs");
        const int plays = stand_in::plays();
        CHECK(clicked(beside, photo) == expected(machine, photo, false));
        CHECK(stand_in::plays() > plays);
        ioebss::Options flip;
        flip.flip = true;
        CHECK(clicked(ioebss::Model(machine.model(), flip), photo) ==
              expected(machine, photo, true));
        std::vector<int> right(3, 0);
        std::vector<std::thread> threads;
        for (int &own : right) {
            threads.emplace_back(
                [&] { own = clicked(beside, photo) == expected(machine, photo, false) ? 1 : 0; });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        CHECK(right == std::vector<int>(3, 1));
    }
    {
        const ioebss::Model alone(machine.engine());
        CHECK(alone.backend() == "tensorrt" && alone.name() == "echo");
        CHECK(clicked(alone, photo) == expected(machine, photo, false));
    }
    CHECK(stand_in::held() == 0);
}

// Opens it by name; it refuses, and leaves nothing on the GPU.
bool refuses(const std::string &path, ioebss_status status, const std::string &part) {
    ioebss::Options options;
    options.backend = "tensorrt";
    std::string said = "nothing";
    ioebss_status found = IOEBSS_OK;
    try {
        const ioebss::Model model(path, options);
        clicked(model, Noise(133, 101, 3));
    } catch (const ioebss::Error &error) {
        said = error.what();
        found = error.status();
    }
    const bool right = found == status && said.find(part) != std::string::npos;
    if (!right) {
        std::fprintf(stderr, "status %d: %s\n", static_cast<int>(found), said.c_str());
    }
    return right && stand_in::held() == 0;
}

bool refuses_with(const char *pointer, const Json &value, ioebss_status status,
                  const std::string &part) {
    Machine machine;
    machine.change(pointer, value);
    return refuses(machine.engine(), status, part);
}

void check_refusals() {
    CHECK(refuses_with("/version", "11.0.0.1", IOEBSS_ERROR_BACKEND,
                       "its version is 11.0.0.1, wanted is " TENSORRT_VERSION "; rebuild it: "));
    CHECK(refuses_with("/compute_capability", {"8.9"}, IOEBSS_ERROR_BACKEND,
                       "its compute_capability is 8.9, wanted is 9.0"));
    CHECK(refuses_with("/flavour", "tensorrt-rtx", IOEBSS_ERROR_BACKEND,
                       "is an engine of tensorrt-rtx"));
    CHECK(refuses_with("/flavour", "openvino", IOEBSS_ERROR_MODEL, "expected tensorrt or"));
    CHECK(refuses_with("/engine_sha256", std::string(64, '0'), IOEBSS_ERROR_MODEL, "truncated"));
    CHECK(refuses_with("/profile/1", {{"min", {1, 8, 8}}, {"opt", {1, 8, 8}}, {"max", {1, 8, 8}}},
                       IOEBSS_ERROR_BACKEND, "its profile is"));
    const Machine changed;
    std::ofstream(changed.model()) << "other";
    CHECK(refuses(changed.engine(), IOEBSS_ERROR_BACKEND, "its onnx_sha256 is"));
    Machine failed;
    failed.change("/proof/status", "failed");
    CHECK(refuses(failed.model(), IOEBSS_ERROR_BACKEND, "failed its proof: 100 photographs"));
    Machine narrow;  // passed over before a click is lost on it
    narrow.change("/profile/1", {{"min", {1, 8, 8}}, {"opt", {1, 32, 32}}, {"max", {1, 56, 56}}});
    CHECK(refuses(narrow.model(), IOEBSS_ERROR_BACKEND, "wanted is 1x64x64; rebuild it: "));
    Machine made;
    made.change("/onnx_sha256", std::string(64, 'a'));
    made.change("/model/sha256", std::string(64, 'a'));
    CHECK(
        refuses(made.model(), IOEBSS_ERROR_BACKEND, "was built of echo.onnx (sha256 aaaaaaaaaaaa"));
    const Machine none;
    std::filesystem::remove(none.engine());
    CHECK(refuses(none.model(), IOEBSS_ERROR_BACKEND,
                  "no echo.tensorrt.engine lies beside echo.onnx; ioebss-export \"" + none.model() +
                      "\" --engine tensorrt"));
}

void check_the_library() {
    CHECK(refuses(Machine("junk").engine(), IOEBSS_ERROR_MODEL,
                  "cannot be loaded by tensorrt: deserialization failed"));
    CHECK(refuses(Machine("half").engine(), IOEBSS_ERROR_MODEL, "expected float32 at the edges"));
    CHECK(refuses(Machine("small").engine(), IOEBSS_ERROR_MODEL, "logits of another shape"));
    CHECK(refuses(Machine("crowded").engine(), IOEBSS_ERROR_BACKEND,
                  "makes no execution context: out of memory; close other sessions"));
    CHECK(refuses(Machine("failing").engine(), IOEBSS_ERROR_BACKEND,
                  "echo.tensorrt.engine failed: enqueueV3: an error"));
    setenv("TEST_CUDA_VERSION", "12080", 1);
    CHECK(refuses(Machine().engine(), IOEBSS_ERROR_BACKEND, "the NVIDIA driver is too old"));
    unsetenv("TEST_CUDA_VERSION");
}

}  // namespace

int main(int, char **) {
    check_masks();
    check_refusals();
    check_the_library();
    return check::result();
}
