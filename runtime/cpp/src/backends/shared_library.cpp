#include "shared_library.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "error.h"

namespace ioebss::core {
namespace {

// The file that is mapped to an address, as the kernel knows it; empty if it does not tell.
std::filesystem::path mapped_file(std::uintptr_t address) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {  // "first-end permissions ... /path"
        char *rest = nullptr;
        const std::uintptr_t first = std::strtoull(line.c_str(), &rest, 16);
        const std::uintptr_t end = *rest == '-' ? std::strtoull(rest + 1, nullptr, 16) : 0;
        const std::size_t path = line.find('/');
        if (first <= address && address < end && path != std::string::npos) {
            return line.substr(path);
        }
    }
    return {};
}

// The file that this code was loaded from: the library, or the program where it is linked in;
// empty if it cannot be told. The loader's answer may be relative to what the current directory was
// at the start, or a bare name that the shell has looked for.
std::filesystem::path own_file() {
    const auto *code = reinterpret_cast<const void *>(&beside_or_name);
    Dl_info info{};
    if (dladdr(code, &info) != 0 && info.dli_fname != nullptr && *info.dli_fname == '/') {
        return info.dli_fname;
    }
    return mapped_file(reinterpret_cast<std::uintptr_t>(code));
}

}  // namespace

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

std::string beside_or_name(const std::string &name) {
    const std::filesystem::path own = own_file(), beside = own.parent_path() / name;
    std::error_code failure;
    return !own.empty() && std::filesystem::exists(beside, failure) ? beside.string() : name;
}

}  // namespace ioebss::core
