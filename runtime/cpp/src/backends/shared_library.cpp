#include "shared_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "error.h"

namespace ioebss::core {

// Inference engines keep threads and thread-local values: once loaded they are never unmapped.
SharedLibrary::SharedLibrary(const std::string &path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {
    if (handle_ == nullptr) {
        const char *reason = dlerror();
        throw Error(IOEBSS_ERROR_MISSING_LIBRARY, reason != nullptr ? reason : path);
    }
}

void *SharedLibrary::symbol(const char *name) const { return dlsym(handle_.get(), name); }

void SharedLibrary::Close::operator()(void *handle) const { dlclose(handle); }

std::string own_folder() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void *>(&own_folder), &info) == 0 ||
        info.dli_fname == nullptr) {
        return "";
    }
    return std::filesystem::path(info.dli_fname).parent_path().string();
}

}  // namespace ioebss::core
