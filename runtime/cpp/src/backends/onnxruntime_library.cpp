#include "onnxruntime_library.h"

#include <cstdlib>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr const char *kSoname = "libonnxruntime.so.1";
constexpr const char *kVariable = "IOEBSS_ONNXRUNTIME";

// What somebody named is loaded or refused; the usual places are tried in turn.
SharedLibrary found(const std::string &path) {
    const char *variable = std::getenv(kVariable);
    const std::string named = path.empty() && variable != nullptr ? variable : path;
    if (!named.empty()) {
        try {
            return SharedLibrary(named);
        } catch (const Error &error) {
            throw Error(error.status(),
                        "ONNX Runtime cannot be loaded from " + named + ": " + error.what());
        }
    }
    try {
        return SharedLibrary(beside_or_name(kSoname));
    } catch (const Error &error) {
        throw Error(error.status(), std::string("ONNX Runtime cannot be loaded: ") + error.what() +
                                        "; install it, put " + kSoname +
                                        " beside libioebss, or name its file in " + kVariable);
    }
}

const OrtApi *api_of(const SharedLibrary &library) {
    using GetApiBase = const OrtApiBase *(*)();
    const auto base = reinterpret_cast<GetApiBase>(library.symbol("OrtGetApiBase"));
    if (base == nullptr) {
        throw backend_error(
            "the library named as ONNX Runtime has no OrtGetApiBase; it is another");
    }
    const OrtApi *api = base()->GetApi(kOrtApi);
    if (api == nullptr) {
        throw backend_error(std::string("this ONNX Runtime is version ") +
                            base()->GetVersionString() + "; 1.14 or newer is needed");
    }
    return api;
}

// The first line: the rest is a trace of ONNX Runtime's own code.
std::string first_line(const char *text) {
    const std::string whole = text;
    return whole.substr(0, whole.find('\n')).substr(0, 300);
}

}  // namespace

OnnxRuntimeLibrary::OnnxRuntimeLibrary(const std::string &path)
    : library_(found(path)), api_(api_of(library_)) {}

void OnnxRuntimeLibrary::check(OrtStatus *report, int status, const std::string &what) const {
    if (report != nullptr) {
        const std::string message = first_line(api_->GetErrorMessage(report));
        api_->ReleaseStatus(report);
        throw Error(status, what + ": " + message);
    }
}

bool OnnxRuntimeLibrary::has_provider(const std::string &name) const {
    char **names = nullptr;
    int count = 0;
    check(api_->GetAvailableProviders(&names, &count), IOEBSS_ERROR_BACKEND, "onnxruntime failed");
    bool has = false;
    for (int i = 0; i < count; ++i) {
        has = has || names[i] == name;
    }
    check(api_->ReleaseAvailableProviders(names, count), IOEBSS_ERROR_BACKEND,
          "onnxruntime failed");
    return has;
}

}  // namespace ioebss::core
