#include "source.h"

#include <string>
#include <system_error>

#include "engine_files.h"
#include "error.h"
#include "json_rules.h"
#include "regular_files.h"
#include "sha256.h"

namespace ioebss::core {
namespace {

constexpr const char *kModel = "the model in memory", *kManifest = "the manifest in memory";

void check_size(std::string_view bytes, std::size_t most, const char *name, const char *what) {
    if (bytes.size() > most) {
        throw model_error(std::string(name) + " is larger than " + std::to_string(most) +
                          " bytes; it is not " + what);
    }
}

Manifest manifest_in_memory(const Source::Bytes &bytes) {
    check_size(bytes.onnx, kMaxGraphBytes, kModel, "an ONNX model");
    check_size(bytes.manifest, kMaxManifestBytes, kManifest, "a manifest");
    const Json table = parse_object(bytes.manifest, kManifest, "a manifest");
    if (table.contains("engine_sha256")) {
        throw model_error(std::string(kManifest) +
                          " is an engine's; engines are opened from their files only: write both "
                          "to a folder, or take the ONNX model");
    }
    Manifest manifest = manifest_from(table, kManifest);
    const std::string actual = sha256_of_bytes(bytes.onnx);
    if (actual != manifest.sha256) {
        throw model_error(std::string(kModel) +
                          " is not the one that its manifest describes: its sha256 is " +
                          actual.substr(0, 12) + "..., the manifest says " +
                          manifest.sha256.substr(0, 12) + "...; take both from one export");
    }
    return manifest;
}

}  // namespace

Source in_memory(std::string_view onnx, std::string_view manifest) {
    return {kModel, Source::Bytes{onnx, manifest}};
}

Manifest read_model_manifest(const Source &model) {
    if (model.bytes) {
        return manifest_in_memory(*model.bytes);
    }
    const std::filesystem::path &path = model.path;
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure)) {
        throw model_error(path.string() + " is a folder; name the model file in it");
    }
    check_regular(path, "a model file");
    if (!std::filesystem::is_regular_file(path, failure)) {
        throw model_error(path.string() + " does not exist: no such model file");
    }
    if (is_engine(path)) {
        return read_engine_manifest(path).model;
    }
    Manifest manifest = read_manifest(path);
    check_graph(path, manifest);
    return manifest;
}

}  // namespace ioebss::core
