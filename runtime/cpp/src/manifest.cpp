#include "manifest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>

#include "error.h"
#include "sha256.h"

namespace ioebss::core {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 200;  // of lists and objects in each other
constexpr std::size_t kMaxText = 10'000;
constexpr std::array<const char *, 6> kChannels{"red",      "green",    "blue",
                                                "positive", "negative", "previous"};

// At most 80 characters of a value, for messages; other letters than ASCII are escaped.
std::string shown_value(const Json &value) {
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

// What a parser says of bytes that may be anything: only letters that every terminal knows.
std::string plain(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
    return text;
}

// -- rules

bool is_text(const Json &value) {
    if (!value.is_string()) {
        return false;
    }
    const auto &text = value.get_ref<const std::string &>();
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
               return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;  // begins a character
           })) <= kMaxText;
}

bool is_whole(const Json &value, std::int64_t low, std::int64_t high) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        return number <= static_cast<std::uint64_t>(high) &&
               static_cast<std::int64_t>(number) >= low;
    }
    return value.is_number_integer() && value.get<std::int64_t>() >= low &&
           value.get<std::int64_t>() <= high;
}

bool is_number(const Json &value, double low, double high) {
    return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
}

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
           is_whole(value["min_side"], 1, 4096) && is_number(value["first"], 0, 1);
}

bool is_precision(const Json &value) {
    return value == "fp32" || value == "fp16" || value == "int8";
}

bool is_sha256(const Json &value) {
    return value.is_string() && value.get_ref<const std::string &>().size() == 64 &&
           value.get_ref<const std::string &>().find_first_not_of("0123456789abcdef") ==
               std::string::npos;
}

bool are_objects(const Json &value) {
    return value.is_array() && std::all_of(value.begin(), value.end(),
                                           [](const Json &entry) { return entry.is_object(); });
}

struct Rule {
    const char *key;
    bool required;
    bool (*check)(const Json &);
    const char *expected;
};

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
         "null, or margin (1 to 10), keep (1 to margin), min_side (1 to 4096), first (0 to 1)"},
    Rule{"training", false, [](const Json &v) { return v.is_object(); }, "an object"},
    Rule{"metrics", false, are_objects, "a list"},
    Rule{"licence", false, is_text, "a text"},
    Rule{"command", false, is_text, "a text"},
};

// -- reading

// Values of unknown keys are never looked at, but they are held: the depth is bounded while
// parsing.
Json parsed(std::string_view text, const std::string &name) {
    auto bounded = [&name](int depth, Json::parse_event_t, const Json &) {
        if (depth > kMaxDepth) {
            throw model_error(name + " is nested too deeply; it is not a manifest");
        }
        return true;
    };
    try {
        return Json::parse(text.begin(), text.end(), bounded);
    } catch (const Json::exception &error) {
        throw model_error(name +
                          " cannot be read as JSON, it is not a manifest: " + plain(error.what()));
    }
}

void check_format(const Json &table, const std::string &name) {
    const auto version = table.find("format");
    const auto most = std::numeric_limits<std::int64_t>::max();
    if (version == table.end() || !is_whole(*version, 1, most)) {
        throw model_error(name + " is not a manifest: it states no format");
    }
    if (!is_whole(*version, 1, kManifestFormat)) {
        throw model_error(name + " has manifest format " + shown_value(*version) +
                          ", this version of ioebss reads up to " +
                          std::to_string(kManifestFormat) + "; update ioebss");
    }
}

void check_values(const Json &table, const std::string &name) {
    std::string missing;
    for (const Rule &rule : kRules) {
        if (rule.required && !table.contains(rule.key)) {
            missing += (missing.empty() ? "" : ", ") + std::string(rule.key);
        }
    }
    if (!missing.empty()) {
        throw model_error(name + " lacks " + missing + "; export the model again");
    }
    for (const Rule &rule : kRules) {
        const auto value = table.find(rule.key);
        if (value != table.end() && !rule.check(*value)) {
            throw model_error(name + ": " + rule.key + " is " + shown_value(*value) +
                              "; expected " + rule.expected);
        }
    }
}

Manifest manifest_of(const Json &table) {
    Manifest manifest;
    manifest.name = table["name"].get<std::string>();
    manifest.channels = table["channels"].get<std::vector<std::string>>();
    manifest.click_radius = table["click_radius"].get<int>();
    manifest.size_multiple = table["size_multiple"].get<std::int64_t>();
    manifest.recommended_sizes = table["recommended_sizes"].get<std::vector<std::int64_t>>();
    manifest.sha256 = table["sha256"].get<std::string>();
    const Json fixed = table.value("fixed_size", Json());
    if (!fixed.is_null()) {
        manifest.fixed_size = {fixed[0].get<std::int64_t>(), fixed[1].get<std::int64_t>()};
    }
    const Json zoom = table.value("zoom", Json());
    if (!zoom.is_null()) {
        manifest.zoom = Zoom{zoom["margin"].get<double>(), zoom["keep"].get<double>(),
                             zoom["min_side"].get<std::int64_t>(), zoom["first"].get<double>()};
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

Manifest parse_manifest(std::string_view text, const std::string &name) {
    const Json table = parsed(text, name);
    if (!table.is_object()) {
        throw model_error(name + " is not a manifest: it holds no JSON object");
    }
    check_format(table, name);
    check_values(table, name);
    Manifest manifest = manifest_of(table);
    check_sides(manifest, name);
    return manifest;
}

Manifest read_manifest(const std::filesystem::path &model) {
    const std::filesystem::path path = manifest_path(model);
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) {
        throw model_error(model.string() + " has no manifest: " + path.filename().string() +
                          " must lie beside it (ioebss-export writes both; move them together)");
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxManifestBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.eof() && file.fail()) {
        throw model_error(path.string() + " cannot be read: " +
                          (errno != 0 ? std::generic_category().message(errno) : "read error"));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMaxManifestBytes) {
        throw model_error(path.string() + " is larger than " + std::to_string(kMaxManifestBytes) +
                          " bytes; it is not a manifest");
    }
    return parse_manifest(text, path.string());
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
