#include "engine_files.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "error.h"
#include "json_rules.h"
#include "sha256.h"

namespace ioebss::core {
namespace {

constexpr const char *kWhat = "an engine's manifest", *kRemedy = "build the engine again";

// -- words

std::string joined(const std::vector<std::string> &words, const char *separator) {
    std::string text;
    for (const std::string &word : words) {
        text += (text.empty() ? "" : separator) + word;
    }
    return text;
}

std::string shown(const Shape &shape) {
    return std::to_string(shape[0]) + "x" + std::to_string(shape[1]) + "x" +
           std::to_string(shape[2]);
}

std::string shown(const std::vector<Profile> &profiles) {
    std::vector<std::string> words;
    words.reserve(profiles.size());
    for (const Profile &profile : profiles) {
        const bool within = profile.opt[1] != profile.max[1] || profile.opt[2] != profile.max[2];
        words.push_back(shown(profile.min) + ".." + shown(profile.max) +
                        (within ? " (best " + shown(profile.opt) + ")" : ""));
    }
    return joined(words, "; ");
}

// A word for the shell.
std::string quoted(const std::string &word) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
        return word;
    }
    std::string text = "'";
    for (const char letter : word) {
        text += letter == '\'' ? std::string("'\"'\"'") : std::string(1, letter);
    }
    return text + "'";
}

bool is_open(const std::string &capability) { return capability.back() == '+'; }

// Major and minor of "8.9" or "8.0+".
std::pair<int, int> numbers(const std::string &capability) {
    return {std::stoi(capability), capability[capability.find('.') + 1] - '0'};
}

// -- rules

bool is_profile(const Json &value) {
    const std::array keys{"min", "opt", "max"};
    const Json *smaller = nullptr;
    for (const char *key : keys) {
        if (!value.is_object() || !value.contains(key)) {
            return false;
        }
        const Json &shape = value[key];
        if (!shape.is_array() || shape.size() != 3 || !is_whole(shape[0], 1, kMaxBatch) ||
            !is_whole(shape[1], 1, kMaxSide) || !is_whole(shape[2], 1, kMaxSide)) {
            return false;
        }
        for (std::size_t i = 0; smaller != nullptr && i < 3; ++i) {
            if ((*smaller)[i].get<std::int64_t>() > shape[i].get<std::int64_t>()) {
                return false;
            }
        }
        smaller = &shape;
    }
    return true;
}

bool is_capability(const Json &value) {
    if (!value.is_string()) {
        return false;
    }
    std::string text = value.get<std::string>();
    if (!text.empty() && is_open(text)) {
        text.pop_back();
    }
    const std::size_t point = text.find('.');
    auto digit = [](char letter) { return letter >= '0' && letter <= '9'; };
    return (point == 1 || point == 2) && text.size() == point + 2 &&
           std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(point), digit) &&
           digit(text.back());
}

bool is_list(const Json &value, bool (*check)(const Json &), std::size_t most) {
    return value.is_array() && !value.empty() && value.size() <= most &&
           std::all_of(value.begin(), value.end(), check);
}

bool is_file_name(const Json &value) {
    if (!is_text(value)) {
        return false;
    }
    const auto &name = value.get_ref<const std::string &>();
    return name.find('/') == std::string::npos && name != "." &&
           name.find('\0') == std::string::npos;
}

bool is_proof(const Json &value) {
    if (!value.is_object() || !value.contains("status") || !value.contains("reason")) {
        return false;
    }
    const Json &status = value["status"];
    return (status == "passed" || status == "failed" || status == "not run") &&
           is_text(value["reason"]);
}

bool is_object(const Json &value) { return value.is_object(); }

constexpr std::array kRules{
    Rule{"compute_capability", true, [](const Json &v) { return is_list(v, is_capability, 64); },
         R"(["8.9"] for example)"},
    Rule{"engine_sha256", true, is_sha256, "64 hex digits"},
    Rule{"flavour", true, [](const Json &v) { return v == kTensorRt || v == kTensorRtRtx; },
         "tensorrt or tensorrt-rtx"},
    Rule{"model", true, is_object, "a manifest"},
    Rule{"onnx", true, is_file_name, "the name of a file"},
    Rule{"onnx_sha256", true, is_sha256, "64 hex digits"},
    Rule{"precision", true, [](const Json &v) { return v == "fp32" || v == "fp16" || v == "int8"; },
         "fp32 or fp16 or int8"},
    Rule{"profile", true, [](const Json &v) { return is_list(v, is_profile, kMaxProfiles); },
         "a list of min, opt and max, growing, as [batch, height, width]"},
    Rule{"proof", true, is_proof, "an object with a status (passed, failed, not run) and a reason"},
    Rule{"version", true, is_text, "a text"},
    Rule{"built_with", false, is_object, "an object"},
    Rule{"command", false, is_text, "a text"},
};

Shape shape_of(const Json &value) {
    return {value[0].get<std::int64_t>(), value[1].get<std::int64_t>(),
            value[2].get<std::int64_t>()};
}

EngineManifest manifest_of(const Json &table, const std::string &name) {
    EngineManifest manifest;
    auto text = [&table](const char *key) { return table[key].get<std::string>(); };
    manifest.flavour = text("flavour");
    manifest.version = text("version");
    manifest.precision = text("precision");
    manifest.onnx = text("onnx");
    manifest.onnx_sha256 = text("onnx_sha256");
    manifest.engine_sha256 = text("engine_sha256");
    manifest.compute_capability = table["compute_capability"].get<std::vector<std::string>>();
    for (const Json &profile : table["profile"]) {
        manifest.profiles.push_back(
            {shape_of(profile["min"]), shape_of(profile["opt"]), shape_of(profile["max"])});
    }
    manifest.proof_status = table["proof"]["status"].get<std::string>();
    manifest.proof_reason = table["proof"]["reason"].get<std::string>();
    manifest.model = manifest_from(table["model"], name);
    return manifest;
}

// -- fitting

struct Difference {
    const char *name;
    std::string has, wanted;
};

// In what an engine does not fit; the weightiest, if there is one.
std::optional<Difference> difference(const EngineManifest &manifest, const Target &target) {
    if (target.flavour != manifest.flavour) {
        return Difference{"flavour", manifest.flavour, target.flavour};
    }
    if (target.version && *target.version != manifest.version) {
        return Difference{"version", manifest.version, *target.version};
    }
    if (target.onnx_sha256 && *target.onnx_sha256 != manifest.onnx_sha256) {
        return Difference{"onnx_sha256", manifest.onnx_sha256, *target.onnx_sha256};
    }
    if (target.compute_capability && !manifest.runs_on(*target.compute_capability)) {
        return Difference{"compute_capability", joined(manifest.compute_capability, ", "),
                          *target.compute_capability};
    }
    const auto &profiles = manifest.profiles;
    if (target.shape && std::none_of(profiles.begin(), profiles.end(), [&](const Profile &profile) {
            return profile.holds(*target.shape);
        })) {
        return Difference{"profile", shown(profiles), shown(*target.shape)};
    }
    return std::nullopt;
}

// The option that names GPUs, where TensorRT-RTX would not build for them by itself.
std::vector<std::string> chips_option(const EngineManifest &manifest, const Target *target) {
    std::vector<std::string> chips;
    if (manifest.flavour == kTensorRtRtx) {
        chips = manifest.compute_capability;
    }
    if (target != nullptr && target->compute_capability &&
        !manifest.runs_on(*target->compute_capability)) {
        const bool named = numbers(*target->compute_capability) < std::pair(8, 0) || !chips.empty();
        chips = named ? std::vector{*target->compute_capability} : std::vector<std::string>();
    }
    if (chips.empty() || std::any_of(chips.begin(), chips.end(), is_open)) {
        return {};
    }
    return {"--compute-capability", joined(chips, ",")};
}

// The option that names sizes and the largest batch.
std::vector<std::string> sizes_option(const EngineManifest &manifest, const Target *target) {
    std::set<std::int64_t> sizes;
    std::int64_t batch = 1;
    auto add = [&](const Shape &shape) {
        sizes.insert(std::max(shape[1], shape[2]));
        batch = std::max(batch, shape[0]);
    };
    for (const Profile &profile : manifest.profiles) {
        add(profile.max);
    }
    if (target != nullptr && target->shape) {
        add(*target->shape);
    }
    std::vector<std::string> texts;
    texts.reserve(sizes.size());
    for (const std::int64_t size : sizes) {
        texts.push_back(std::to_string(size));
    }
    return {"--sizes", joined(texts, ","), "--max-batch", std::to_string(batch)};
}

[[noreturn]] void throw_unreadable(const std::filesystem::path &engine, const std::string &reason) {
    throw model_error(engine.string() + " cannot be read: " + reason);
}

}  // namespace

bool Profile::holds(const Shape &shape) const {
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] < min[i] || shape[i] > max[i]) {
            return false;
        }
    }
    return true;
}

bool EngineManifest::runs_on(const std::string &gpu) const {
    const auto here = numbers(gpu);
    return std::any_of(compute_capability.begin(), compute_capability.end(),
                       [&here](const std::string &built) {
                           return is_open(built) ? here >= numbers(built) : here == numbers(built);
                       });
}

bool is_engine(const std::filesystem::path &model) { return model.extension() == kEngineSuffix; }

std::filesystem::path engine_manifest_path(const std::filesystem::path &engine) {
    return engine.string() + ".json";
}

EngineManifest parse_engine_manifest(std::string_view text, const std::string &name) {
    const Json table = parse_object(text, name, kWhat);
    check_format(table, name, kEngineFormat, kWhat);
    check_values(table, name, kRules, kRemedy);
    EngineManifest manifest = manifest_of(table, name);
    if (manifest.precision != manifest.model.precision) {
        throw model_error(name + ": precision is " + manifest.precision + ", its model's " +
                          manifest.model.precision + "; " + kRemedy);
    }
    if (manifest.onnx_sha256 != manifest.model.sha256) {
        throw model_error(name + ": onnx_sha256 is " + manifest.onnx_sha256 + ", its model's " +
                          manifest.model.sha256 + "; " + kRemedy);
    }
    return manifest;
}

EngineManifest read_engine_manifest(const std::filesystem::path &engine) {
    const std::filesystem::path path = engine_manifest_path(engine);
    std::error_code failure;
    if (!std::filesystem::exists(path, failure)) {
        throw model_error(engine.string() + " has no manifest: " + path.filename().string() +
                          " must lie beside it (ioebss-export --engine writes both; move them "
                          "together)");
    }
    return parse_engine_manifest(read_text(path, kMaxManifestBytes, kWhat), path.string());
}

std::vector<char> read_engine(const std::filesystem::path &engine, const EngineManifest &manifest) {
    std::error_code failure;
    const std::uintmax_t size = std::filesystem::file_size(engine, failure);
    if (failure) {
        throw_unreadable(engine, failure.message());
    }
    if (size > kMaxEngineBytes) {
        throw model_error(engine.string() + " is larger than " + std::to_string(kMaxEngineBytes) +
                          " bytes; it is no engine");
    }
    errno = 0;
    std::ifstream file(engine, std::ios::binary);
    std::vector<char> plan(size);
    if (!file.read(plan.data(), static_cast<std::streamsize>(size))) {
        throw_unreadable(engine,
                         errno != 0 ? std::generic_category().message(errno) : "read error");
    }
    const std::string actual = sha256_of_bytes({plan.data(), plan.size()});
    if (actual != manifest.engine_sha256) {
        throw model_error(
            engine.string() + " is not the file that " +
            engine_manifest_path(engine).filename().string() + " describes: its sha256 is " +
            actual.substr(0, 12) + "..., the manifest says " +
            manifest.engine_sha256.substr(0, 12) +
            "...; it is truncated or another one: copy both files again, or rebuild: " +
            rebuild_command(engine, manifest));
    }
    return plan;
}

void check_engine(const std::filesystem::path &engine, const EngineManifest &manifest,
                  const Target &target) {
    if (const auto found = difference(manifest, target)) {
        throw backend_error(engine.string() + " does not fit: its " + found->name + " is " +
                            found->has + ", wanted is " + found->wanted +
                            "; rebuild it: " + rebuild_command(engine, manifest, &target));
    }
}

void check_onnx_beside(const std::filesystem::path &engine, const EngineManifest &manifest) {
    const std::filesystem::path onnx = engine.parent_path() / manifest.onnx;
    std::error_code failure;
    if (std::filesystem::is_regular_file(onnx, failure)) {
        Target target;
        target.flavour = manifest.flavour;
        target.onnx_sha256 = sha256_of(onnx);
        check_engine(engine, manifest, target);
    }
}

int profile_for(const std::filesystem::path &engine, const EngineManifest &manifest,
                const Shape &shape) {
    Target target;
    target.flavour = manifest.flavour;
    target.shape = shape;
    check_engine(engine, manifest, target);
    int nearest = -1;
    std::int64_t smallest = 0;
    for (std::size_t i = 0; i < manifest.profiles.size(); ++i) {
        const Profile &profile = manifest.profiles[i];
        const std::int64_t distance =
            std::abs(profile.opt[1] * profile.opt[2] - shape[1] * shape[2]);
        if (profile.holds(shape) && (nearest < 0 || distance < smallest)) {
            nearest = static_cast<int>(i);
            smallest = distance;
        }
    }
    return nearest;
}

std::string rebuild_command(const std::filesystem::path &engine, const EngineManifest &manifest,
                            const Target *target) {
    const std::string &flavour = target != nullptr ? target->flavour : manifest.flavour;
    std::vector<std::string> words{"ioebss-export", manifest.onnx, "--engine", flavour};
    if (!manifest.model.fixed_size) {
        const auto sizes = sizes_option(manifest, target);
        words.insert(words.end(), sizes.begin(), sizes.end());
    }
    if (flavour == kTensorRtRtx) {
        const auto chips = chips_option(manifest, target);
        words.insert(words.end(), chips.begin(), chips.end());
    }
    words.insert(words.end(), {"-o", engine.filename().string()});
    std::string command;
    for (const std::string &word : words) {
        command += (command.empty() ? "" : " ") + quoted(word);
    }
    return command;
}

}  // namespace ioebss::core
