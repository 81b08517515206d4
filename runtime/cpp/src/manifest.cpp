#include "manifest.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "error.h"
#include "json_rules.h"
#include "sha256.h"

namespace ioebss::core {
namespace {

constexpr const char *kWhat = "a manifest";
constexpr std::array<const char *, 6> kChannels{"red",      "green",    "blue",
                                                "positive", "negative", "previous"};

bool are_sides(const Json &value, std::size_t least, std::size_t most) {
    return value.is_array() && value.size() >= least && value.size() <= most &&
           std::all_of(value.begin(), value.end(),
                       [](const Json &side) { return is_whole(side, 1, kMaxSide); });
}

bool are_channels(const Json &value) {
    const Json five(std::vector<std::string>(kChannels.begin(), kChannels.end() - 1));
    const Json six(std::vector<std::string>(kChannels.begin(), kChannels.end()));
    return value == five || value == six;
}

bool is_number_or_null(const Json &table, const char *key, double low, double high) {
    const Json value = table.value(key, Json());
    return value.is_null() || is_number(value, low, high);
}

bool is_zoom(const Json &value) {
    if (value.is_null()) {
        return true;
    }
    for (const char *key : {"margin", "keep", "min_side", "first"}) {
        if (!value.is_object() || !value.contains(key)) {
            return false;
        }
    }
    return is_number(value["margin"], 1, 10) &&
           is_number(value["keep"], 1, value["margin"].get<double>()) &&
           is_whole(value["min_side"], 1, 4096) && is_number(value["first"], 0, 1) &&
           is_number(value.value("detail", Json(0)), 0, 1) &&
           is_whole(value.value("detail_after", Json(0)), 0, IOEBSS_MAX_CLICKS) &&
           is_number_or_null(value, "islands", 0, 10) && is_number_or_null(value, "forget", 0, 1) &&
           is_number_or_null(value, "unsure", 0, 64);
}

bool is_precision(const Json &value) {
    return value == "fp32" || value == "fp16" || value == "int8";
}

bool are_objects(const Json &value) {
    return value.is_array() && std::all_of(value.begin(), value.end(),
                                           [](const Json &entry) { return entry.is_object(); });
}

constexpr std::array kRules{
    Rule{"architecture", true, is_text, "a text"},
    Rule{"channels", true, are_channels,
         R"(["red", "green", "blue", "positive", "negative", "previous"] or 5)"},
    Rule{"click_radius", true, [](const Json &v) { return is_whole(v, 1, 64); },
         "a whole number from 1 to 64"},
    Rule{"name", true, is_text, "a text"},
    Rule{"opset", true, [](const Json &v) { return is_whole(v, 1, 1000); }, "a whole number"},
    Rule{"precision", true, is_precision, "fp32 or fp16 or int8"},
    Rule{"recommended_sizes", true, [](const Json &v) { return are_sides(v, 1, 64); },
         "sides from 1 to 4096"},
    Rule{"sha256", true, is_sha256, "64 hex digits"},
    Rule{"size_multiple", true, [](const Json &v) { return is_whole(v, 1, 256); },
         "a whole number from 1 to 256"},
    Rule{"fixed_size", false, [](const Json &v) { return v.is_null() || are_sides(v, 2, 2); },
         "null or [height, width]"},
    Rule{"planes", false, [](const Json &v) { return v == "discs"; },
         "discs: libioebss draws no others, the Python package does"},
    Rule{"zoom", false, is_zoom,
         "null, or margin (1 to 10), keep (1 to margin), min_side (1 to 4096), first (0 to 1), and "
         "optionally detail (0 to 1), detail_after (a whole number), islands (null, or 0 to 10), "
         "forget (null, or 0 to 1), unsure (null, or 0 to 64)"},
    Rule{"training", false, [](const Json &v) { return v.is_object(); }, "an object"},
    Rule{"metrics", false, are_objects, "a list"},
    Rule{"licence", false, is_text, "a text"},
    Rule{"command", false, is_text, "a text"},
};

// -- reading

// None where the key is missing or null.
std::optional<double> optional_number(const Json &table, const char *key) {
    const Json value = table.value(key, Json());
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

Manifest manifest_of(const Json &table) {
    Manifest manifest;
    manifest.name = table["name"].get<std::string>();
    manifest.channels = table["channels"].get<std::vector<std::string>>();
    manifest.click_radius = table["click_radius"].get<int>();
    manifest.size_multiple = table["size_multiple"].get<std::int64_t>();
    manifest.recommended_sizes = table["recommended_sizes"].get<std::vector<std::int64_t>>();
    manifest.precision = table["precision"].get<std::string>();
    manifest.sha256 = table["sha256"].get<std::string>();
    for (const Json &step : table.value("training", Json::object())) {
        if (step.is_object() && step.contains("from") && is_sha256(step["from"])) {
            manifest.made_from.push_back(step["from"].get<std::string>());
        }
    }
    const Json fixed = table.value("fixed_size", Json());
    if (!fixed.is_null()) {
        manifest.fixed_size = {fixed[0].get<std::int64_t>(), fixed[1].get<std::int64_t>()};
    }
    const Json zoom = table.value("zoom", Json());
    if (!zoom.is_null()) {
        manifest.zoom = Zoom{zoom["margin"].get<double>(), zoom["keep"].get<double>(),
                             zoom["min_side"].get<std::int64_t>(), zoom["first"].get<double>()};
        manifest.zoom->detail = zoom.value("detail", manifest.zoom->detail);
        manifest.zoom->detail_after = zoom.value("detail_after", manifest.zoom->detail_after);
        manifest.zoom->islands = optional_number(zoom, "islands");
        manifest.zoom->forget = optional_number(zoom, "forget");
        manifest.zoom->unsure = optional_number(zoom, "unsure");
    }
    return manifest;
}

void check_sides(const Manifest &manifest, const std::string &name) {
    std::vector<std::int64_t> sides = manifest.recommended_sizes;
    if (manifest.fixed_size) {
        sides = {manifest.fixed_size->first, manifest.fixed_size->second};
    }
    for (std::int64_t side : sides) {
        if (side % manifest.size_multiple != 0) {
            throw model_error(name + ": sizes " + shown_value(Json(sides)) +
                              " are not multiples of " + std::to_string(manifest.size_multiple));
        }
    }
}

}  // namespace

std::pair<std::int64_t, std::int64_t> Manifest::input_size(std::int64_t height, std::int64_t width,
                                                           std::int64_t longest) const {
    if (fixed_size) {
        return *fixed_size;
    }
    const std::int64_t unit = size_multiple * std::max(height, width);
    auto side = [&](std::int64_t length) {
        return std::max<std::int64_t>(1, (2 * length * longest + unit) / (2 * unit)) *
               size_multiple;
    };
    return {side(height), side(width)};
}

std::filesystem::path manifest_path(const std::filesystem::path &model) {
    return std::filesystem::path(model).replace_extension(".json");
}

Manifest manifest_from(const Json &table, const std::string &name) {
    check_format(table, name, kManifestFormat, kWhat);
    check_values(table, name, kRules, "export the model again");
    Manifest manifest = manifest_of(table);
    check_sides(manifest, name);
    return manifest;
}

Manifest parse_manifest(std::string_view text, const std::string &name) {
    return manifest_from(parse_object(text, name, kWhat), name);
}

Manifest read_manifest(const std::filesystem::path &model) {
    const std::filesystem::path path = manifest_path(model);
    std::error_code failure;
    if (!std::filesystem::exists(path, failure)) {
        throw model_error(model.string() + " has no manifest: " + path.filename().string() +
                          " must lie beside it (ioebss-export writes both; move them together)");
    }
    return parse_manifest(read_text(path, kMaxManifestBytes, kWhat), path.string());
}

void check_graph(const std::filesystem::path &model, const Manifest &manifest) {
    const std::string actual = sha256_of(model);
    if (actual != manifest.sha256) {
        throw model_error(
            model.string() + " is not the file that " + manifest_path(model).filename().string() +
            " describes: its sha256 is " + actual.substr(0, 12) + "..., the manifest says " +
            manifest.sha256.substr(0, 12) + "...; copy both files again, or export again");
    }
}

}  // namespace ioebss::core
