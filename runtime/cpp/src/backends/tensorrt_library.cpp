#include "backends/tensorrt_library.h"

#include <utility>

#include "engine_files.h"
#include "error.h"

namespace ioebss::core {
namespace {

constexpr std::size_t kMaxMessage = 300;
constexpr const char *kVariable = "LD_LIBRARY_PATH";
// TensorRT 10.12 is the first whose strongly typed networks are those of TensorRT 11.
static_assert(NV_TENSORRT_MAJOR > 10 || (NV_TENSORRT_MAJOR == 10 && NV_TENSORRT_MINOR >= 12) ||
                  kRtxHeaders,
              "take headers of TensorRT 10.12 or newer, or of TensorRT-RTX");

// Within a major version of TensorRT the libraries are compatible; TensorRT-RTX counts its own.
std::string file_name(const std::string &flavour) {
    return flavour == kTensorRtRtx ? "libtensorrt_rtx.so.1"
                                   : "libnvinfer.so." + std::to_string(NV_TENSORRT_MAJOR);
}

SharedLibrary found(const std::string &flavour) {
    const std::string name = file_name(flavour);
    try {
        return SharedLibrary(beside_or_name(name));
    } catch (const Error &error) {
        throw Error(error.status(), flavour + " is not usable (" + error.what() +
                                        "); install it, put " + name +
                                        " beside libioebss, or its folder into " + kVariable);
    }
}

template <typename Function>
Function find(const SharedLibrary &library, const std::string &flavour, const char *name) {
    const auto function = reinterpret_cast<Function>(library.symbol(name));
    if (function == nullptr) {
        throw backend_error("the library of " + flavour + " has no " + name +
                            "; it is too old, or another one");
    }
    return function;
}

std::string version_of(const SharedLibrary &library, const std::string &flavour) {
    std::string version;
    for (const char *name : {"getInferLibMajorVersion", "getInferLibMinorVersion",
                             "getInferLibPatchVersion", "getInferLibBuildVersion"}) {
        const auto number = find<decltype(&getInferLibMajorVersion)>(library, flavour, name);
        version += (version.empty() ? "" : ".") + std::to_string(number());
    }
    return version;
}

// The classes of library and headers must be laid out alike. TensorRT's are within a major version;
// TensorRT-RTX's are those of TensorRT 11 from 1.7 on, and with its own headers those of one
// version.
bool is_compatible(const std::string &flavour, const std::string &version) {
    const int major = std::stoi(version);
    const int minor = std::stoi(version.substr(version.find('.') + 1));
    if (kRtxHeaders) {
        return major == NV_TENSORRT_MAJOR && minor == NV_TENSORRT_MINOR;
    }
    return flavour == kTensorRtRtx ? major == 1 && minor >= 7 : major == NV_TENSORRT_MAJOR;
}

std::string checked_version(const SharedLibrary &library, const std::string &flavour) {
    std::string version = version_of(library, flavour);
    if (!is_compatible(flavour, version)) {
        throw backend_error("the library of " + flavour + " is version " + version +
                            ", which does not go with the headers that this library was built "
                            "with, " +
                            std::to_string(NV_TENSORRT_MAJOR) + "." +
                            std::to_string(NV_TENSORRT_MINOR) + "; build it again with its own");
    }
    return version;
}

}  // namespace

void TensorRtLog::log(Severity severity, const nvinfer1::AsciiChar *message) noexcept {
    if (severity != Severity::kERROR && severity != Severity::kINTERNAL_ERROR) {
        return;
    }
    try {
        std::string line;
        for (const char *letter = message; *letter != '\0' && line.size() < kMaxMessage; ++letter) {
            line += *letter < ' ' || *letter > '~' ? ' ' : *letter;
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        last_ = std::move(line);
    } catch (...) {  // NOLINT(bugprone-empty-catch): without memory there is no message
    }
}

std::string TensorRtLog::last() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_.empty() ? "it does not say why" : last_;
}

TensorRtLibrary::TensorRtLibrary(const std::string &flavour)
    : flavour_(flavour), library_(found(flavour)), version_(checked_version(library_, flavour)) {}

std::unique_ptr<nvinfer1::IRuntime> TensorRtLibrary::make_runtime(TensorRtLog &log) const {
    const auto make = find<decltype(&createInferRuntime_INTERNAL)>(library_, flavour_,
                                                                   "createInferRuntime_INTERNAL");
    return std::unique_ptr<nvinfer1::IRuntime>(
        static_cast<nvinfer1::IRuntime *>(make(&log, NV_TENSORRT_VERSION)));
}

}  // namespace ioebss::core
