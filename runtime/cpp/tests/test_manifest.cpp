// The rules of the manifest. tests/cpp compares the same with Python's reader.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "check.h"
#include "manifest.h"

using namespace ioebss::core;
using Json = nlohmann::json;

namespace {

Json valid() {
    return Json::parse(R"({"name": "discs", "architecture": "discs", "format": 1, "opset": 18,
        "channels": ["red", "green", "blue", "positive", "negative", "previous"],
        "click_radius": 5, "size_multiple": 16, "recommended_sizes": [320, 256],
        "precision": "fp32", "fixed_size": null, "training": {}, "metrics": [], "licence": "",
        "zoom": {"margin": 1.4, "keep": 1.15, "min_side": 96, "first": 1},
        "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"})");
}

bool refused(const Json &table, const std::string &part) {
    const std::string text = table.dump();
    return check::throws(IOEBSS_ERROR_MODEL, part, [&] { parse_manifest(text, "x.json"); });
}

bool refused_with(const char *pointer, const Json &value, const std::string &part) {
    Json table = valid();
    table[Json::json_pointer(pointer)] = value;
    return refused(table, part);
}

void check_values() {
    const Manifest manifest = parse_manifest(valid().dump(), "x.json");
    CHECK(manifest.name == "discs" && manifest.has_previous() && manifest.click_radius == 5);
    CHECK(manifest.zoom && manifest.zoom->margin == 1.4 && manifest.zoom->min_side == 96);
    CHECK(manifest.zoom->detail == 0 && manifest.zoom->detail_after == 3);
    CHECK(!manifest.zoom->islands && !manifest.zoom->forget);
    CHECK(!manifest.zoom->unsure);
    CHECK(!manifest.fixed_size);
    Json later = valid();
    later["unknown"] = {1, 2};
    later["zoom"]["unknown"] = "let through";
    later["zoom"]["detail"] = 0.5;
    later["zoom"]["detail_after"] = 2;
    later["zoom"]["islands"] = 0.1;
    later["zoom"]["forget"] = 1;
    later["zoom"]["unsure"] = 2;
    later.erase("training");
    const Manifest detailed = parse_manifest(later.dump(), "x.json");
    CHECK(detailed.name == "discs" && detailed.zoom->detail == 0.5);
    CHECK(detailed.zoom->detail_after == 2 && detailed.zoom->islands == 0.1);
    CHECK(detailed.zoom->forget == 1.0 && detailed.zoom->unsure == 2.0);
    later["zoom"]["islands"] = later["zoom"]["forget"] = later["zoom"]["unsure"] = nullptr;
    CHECK(!parse_manifest(later.dump(), "x.json").zoom->islands);
    CHECK(!parse_manifest(later.dump(), "x.json").zoom->forget);
    CHECK(!parse_manifest(later.dump(), "x.json").zoom->unsure);
    Json five = valid();
    five["channels"].erase(5);
    five["zoom"] = nullptr;
    five["fixed_size"] = {64, 32};
    CHECK(!parse_manifest(five.dump(), "x.json").has_previous());
    CHECK(!parse_manifest(five.dump(), "x.json").zoom);
    CHECK(parse_manifest(five.dump(), "x.json").input_size(9, 9, 320) == std::pair(64L, 32L));
}

void check_refusals() {
    CHECK(refused_with("/format", 2, "update ioebss"));
    CHECK(refused_with("/format", 0, "states no format"));
    CHECK(refused_with("/format", 1.0, "states no format"));
    CHECK(refused_with("/name", 5, "name is 5; expected a text"));
    CHECK(refused_with("/name", std::string(10'001, 'x'), "expected a text"));
    CHECK(refused_with("/channels", {"red"}, "channels"));
    CHECK(refused_with("/click_radius", 0, "from 1 to 64"));
    CHECK(refused_with("/planes", "distances", "libioebss draws no others"));
    CHECK(refused_with("/click_radius", 5.0, "from 1 to 64"));
    CHECK(refused_with("/click_radius", true, "from 1 to 64"));
    CHECK(refused_with("/size_multiple", 257, "from 1 to 256"));
    CHECK(refused_with("/size_multiple", 15, "sizes [320,256] are not multiples of 15"));
    CHECK(refused_with("/recommended_sizes", Json::array(), "sides from 1 to 4096"));
    CHECK(refused_with("/recommended_sizes", {8192}, "sides from 1 to 4096"));
    CHECK(refused_with("/fixed_size", {320}, "null or [height, width]"));
    CHECK(refused_with("/fixed_size", {320, 33}, "not multiples of 16"));
    CHECK(refused_with("/precision", "fp64", "precision"));
    CHECK(refused_with("/sha256", "0", "64 hex digits"));
    CHECK(refused_with("/opset", 18446744073709551615U, "opset"));
    CHECK(refused_with("/training", Json::array(), "training"));
    CHECK(refused_with("/metrics", {1}, "metrics"));
    CHECK(refused_with("/licence", 1, "licence"));
    CHECK(refused_with("/zoom/margin", 11, "zoom"));
    CHECK(refused_with("/zoom/keep", 1.5, "zoom"));
    CHECK(refused_with("/zoom/min_side", 96.0, "zoom"));
    CHECK(refused_with("/zoom/first", true, "zoom"));
    CHECK(refused_with("/zoom/detail", 1.5, "zoom"));
    CHECK(refused_with("/zoom/detail", "near", "zoom"));
    CHECK(refused_with("/zoom/detail_after", -1, "zoom"));
    CHECK(refused_with("/zoom/detail_after", 1.0, "zoom"));
    CHECK(refused_with("/zoom/islands", -0.1, "zoom"));
    CHECK(refused_with("/zoom/islands", false, "zoom"));
    CHECK(refused_with("/zoom/forget", 1.1, "zoom"));
    CHECK(refused_with("/zoom/forget", "often", "zoom"));
    CHECK(refused_with("/zoom/unsure", -1, "zoom"));
    CHECK(refused_with("/zoom/unsure", true, "zoom"));
    CHECK(refused_with("/zoom", "near", "zoom"));
    Json lacking = valid();
    lacking.erase("opset"), lacking.erase("name");
    CHECK(refused(lacking, "lacks name, opset"));
    CHECK(refused(Json::array(), "holds no JSON object"));
}

void check_texts() {
    auto refused_text = [](const std::string &text, const std::string &part) {
        return check::throws(IOEBSS_ERROR_MODEL, part, [&] { parse_manifest(text, "x.json"); });
    };
    CHECK(refused_text("", "cannot be read as JSON"));
    CHECK(refused_text("{\"format\": 1,", "cannot be read as JSON"));
    CHECK(refused_text("{\"format\": \"\xff\"}", "cannot be read as JSON"));
    CHECK(refused_text(std::string(500'000, '['), "nested too deeply"));
}

void check_files() {
    const auto folder = std::filesystem::temp_directory_path() /
                        ("ioebss-test-manifest-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const auto model = folder / "a.b.onnx";
    CHECK(manifest_path(model).filename() == "a.b.json");
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "has no manifest", [&] { read_manifest(model); }));
    std::ofstream(folder / "a.b.json") << std::string(kMaxManifestBytes + 1, ' ');
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "larger than", [&] { read_manifest(model); }));
    std::ofstream(folder / "a.b.json") << valid();
    CHECK(read_manifest(model).name == "discs");
    std::ofstream(model) << "abc";
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "its sha256 is ba7816bf8f01...",
                        [&] { check_graph(model, read_manifest(model)); }));
    std::filesystem::remove_all(folder);
}

}  // namespace

int main(int, char **) {
    check_values();
    check_refusals();
    check_texts();
    check_files();
    return check::result();
}
