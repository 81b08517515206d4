// Engines on disk: what their manifests say, and every way in which they may not fit. tests/cpp
// compares the same with Python's reader.
#include "engine_files.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "check.h"
#include "choice.h"
#include "sha256.h"
#include "temporary_folder.h"

using namespace ioebss::core;
using Json = nlohmann::json;

namespace {

const std::string kDigest(64, 'a');

Json valid() {
    return Json::parse(R"({"flavour": "tensorrt", "version": "11.4.0.22", "format": 1,
        "compute_capability": ["8.9"], "precision": "fp16", "onnx": "discs.onnx",
        "onnx_sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "engine_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "profile": [{"min": [1, 16, 16], "opt": [1, 256, 256], "max": [2, 256, 256]},
                    {"min": [1, 16, 16], "opt": [1, 512, 512], "max": [2, 512, 512]}],
        "proof": {"status": "not run", "reason": "no GPU"}, "built_with": {}, "command": "",
        "model": {"name": "discs", "architecture": "discs", "format": 1, "opset": 18,
            "channels": ["red", "green", "blue", "positive", "negative", "previous"],
            "click_radius": 5, "size_multiple": 16, "recommended_sizes": [320],
            "precision": "fp16", "training": {"half": {"from":
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}},
            "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}})");
}

EngineManifest parsed(const Json &table) { return parse_engine_manifest(table.dump(), "x.json"); }

bool refused(const char *pointer, const Json &value, const std::string &part) {
    Json table = valid();
    table[Json::json_pointer(pointer)] = value;
    return check::throws(IOEBSS_ERROR_MODEL, part, [&] { parsed(table); });
}

void check_values() {
    const EngineManifest manifest = parsed(valid());
    CHECK(manifest.flavour == "tensorrt" && manifest.model.name == "discs");
    CHECK(manifest.profiles.size() == 2 && manifest.profiles[1].opt == Shape({1, 512, 512}));
    CHECK(manifest.model.made_from == std::vector{std::string(64, 'b')});
    Json later = valid();
    later["later"] = 1;
    later.erase("built_with");
    CHECK(parsed(later).version == "11.4.0.22");
    Json lacking = valid();
    lacking.erase("model"), lacking.erase("proof");
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "x.json lacks model, proof; build the engine again",
                        [&] { parsed(lacking); }));
}

void check_refusals() {
    const Json profile = valid()["profile"][0];
    CHECK(refused("/format", 2, "is an engine's manifest of format 2, this version"));
    CHECK(refused("/format", nullptr, "is not an engine's manifest: it states no format"));
    CHECK(refused("/flavour", "openvino", "expected tensorrt or tensorrt-rtx"));
    CHECK(refused("/version", 11, "version is 11; expected a text"));
    for (const Json &wrong :
         {Json::array(), Json("8.9"), Json({"sm_89"}), Json({"8.9++"}), Json({"+"}), Json({"8."}),
          Json({"123.4"}), Json(std::vector<std::string>(65, "8.9"))}) {
        CHECK(refused("/compute_capability", wrong, "compute_capability is"));
    }
    CHECK(refused("/precision", "fp8", "precision is"));
    CHECK(refused("/precision", "fp32", "precision is fp32, its model's fp16; build the engine"));
    CHECK(refused("/profile", Json::array(), "profile is"));
    CHECK(refused("/profile", Json(65, profile), "profile is"));
    CHECK(refused("/profile/0/min", {1, 300, 16}, "growing, as [batch, height, width]"));
    CHECK(refused("/profile/0/max", {1, 64}, "profile is"));
    CHECK(refused("/profile/0/max", {1, 64, 1'000'000}, "profile is"));
    CHECK(refused("/profile/0/min", {true, 16, 16}, "profile is"));
    CHECK(refused("/onnx", "../discs.onnx", "expected the name of a file"));
    CHECK(refused("/onnx_sha256", std::string(64, 'A'), "onnx_sha256 is"));
    CHECK(refused("/onnx_sha256", std::string(64, '0'), "its model's aaaa"));
    CHECK(refused("/engine_sha256", "0", "64 hex digits"));
    CHECK(refused("/model", {{"format", 1}}, "lacks architecture, channels"));
    CHECK(refused("/model", Json::array(), "model is"));
    CHECK(refused("/proof", {{"status", "probably"}, {"reason", ""}}, "proof is"));
    CHECK(refused("/proof", {{"status", "passed"}}, "proof is"));
    CHECK(refused("/built_with", Json::array(), "built_with is"));
    CHECK(refused("/command", 7, "command is 7"));
}

bool mismatch(const Target &target, const std::string &part) {
    const EngineManifest manifest = parsed(valid());
    return check::throws(IOEBSS_ERROR_BACKEND, part,
                         [&] { check_engine("f/discs.engine", manifest, target); });
}

void check_fit() {
    const EngineManifest manifest = parsed(valid());
    const Target here{"tensorrt", "11.4.0.22", "8.9", kDigest, Shape{2, 512, 16}};
    check_engine("discs.engine", manifest, here);
    CHECK(mismatch({"tensorrt-rtx", {}, {}, {}, {}},
                   "f/discs.engine does not fit: its flavour is tensorrt, wanted is tensorrt-rtx; "
                   "rebuild it: ioebss-export discs.onnx --engine tensorrt-rtx --sizes 256,512 "
                   "--max-batch 2 -o discs.engine"));
    CHECK(mismatch({"tensorrt", "10.12.0.36", {}, {}, {}},
                   "its version is 11.4.0.22, wanted is 10.12.0.36; rebuild it"));
    CHECK(mismatch({"tensorrt", {}, "9.0", {}, {}},
                   "its compute_capability is 8.9, wanted is 9.0; rebuild it"));
    CHECK(mismatch({"tensorrt", {}, {}, std::string(64, 'f'), {}}, "its onnx_sha256 is aaaa"));
    CHECK(mismatch({"tensorrt", {}, {}, {}, Shape{3, 64, 64}},
                   "its profile is 1x16x16..2x256x256; 1x16x16..2x512x512, wanted is 3x64x64; "
                   "rebuild it: ioebss-export discs.onnx --engine tensorrt --sizes 64,256,512 "
                   "--max-batch 3 -o discs.engine"));
    CHECK(profile_for("discs.engine", manifest, {1, 256, 192}) == 0);
    CHECK(profile_for("discs.engine", manifest, {2, 272, 16}) == 1);  // does not fit the first
    CHECK(check::throws(IOEBSS_ERROR_BACKEND, "--sizes 256,512,528", [&] {
        profile_for("discs.engine", manifest, {1, 528, 16});
    }));
}

void check_chips() {
    EngineManifest manifest = parsed(valid());
    for (int number = 50; number < 160; ++number) {
        const std::string here = std::to_string(number / 10) + "." + std::to_string(number % 10);
        auto runs_on = [&](const std::vector<std::string> &built) {
            manifest.compute_capability = built;
            return manifest.runs_on(here);
        };
        CHECK(runs_on({"8.6", "12.0"}) == (number == 86 || number == 120));
        CHECK(runs_on({"8.0+"}) == (number >= 80));
        CHECK(runs_on({"7.5", "8.6+"}) == (number >= 86 || number == 75));
    }
    manifest.flavour = "tensorrt-rtx";
    manifest.compute_capability = {"8.9"};
    manifest.onnx = "it's.onnx";
    const Target old{"tensorrt-rtx", {}, "7.5", {}, {}};
    CHECK(rebuild_command("x.engine", manifest, &old) ==
          "ioebss-export 'it'\"'\"'s.onnx' --engine tensorrt-rtx --sizes 256,512 --max-batch 2 "
          "--compute-capability 7.5 -o x.engine");
    manifest.compute_capability = {"8.0+"};
    manifest.model.fixed_size = {64, 64};
    CHECK(rebuild_command("x.engine", manifest) ==
          "ioebss-export 'it'\"'\"'s.onnx' --engine tensorrt-rtx -o x.engine");
}

void check_files() {
    const TemporaryFolder folder("engine-files");
    const auto engine = folder.path() / "a.b.engine";
    CHECK(is_engine(engine) && !is_engine("a.onnx"));
    CHECK(engine_path("f/a.b.onnx", "tensorrt") == "f/a.b.tensorrt.engine");
    CHECK(engine_manifest_path(engine).filename() == "a.b.engine.json");
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "has no manifest: a.b.engine.json must lie beside it",
                        [&] { read_engine_manifest(engine); }));
    std::ofstream(engine_manifest_path(engine)) << std::string(kMaxManifestBytes + 1, ' ');
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "larger than", [&] { read_engine_manifest(engine); }));
    std::ofstream(engine_manifest_path(engine)) << valid();
    const EngineManifest manifest = read_engine_manifest(engine);
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "cannot be read: No such file",
                        [&] { read_engine(engine, manifest); }));
    std::ofstream(engine) << "abc";
    CHECK(read_engine(engine, manifest) == std::vector<char>({'a', 'b', 'c'}));
    for (const char *damaged : {"ab", "abd", ""}) {
        std::ofstream(engine) << damaged;
        CHECK(check::throws(IOEBSS_ERROR_MODEL,
                            "truncated or another one: copy both files again, or rebuild: "
                            "ioebss-export discs.onnx --engine tensorrt",
                            [&] { read_engine(engine, manifest); }));
    }
    check_onnx_beside(engine, manifest);  // complete without it
    std::ofstream(folder.path() / "discs.onnx") << "changed";
    CHECK(check::throws(IOEBSS_ERROR_BACKEND, "its onnx_sha256 is aaaa",
                        [&] { check_onnx_beside(engine, manifest); }));
}

}  // namespace

int main(int, char **) {
    check_values();
    check_refusals();
    check_fit();
    check_chips();
    check_files();
    return check::result();
}
