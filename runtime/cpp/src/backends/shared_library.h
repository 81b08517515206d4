// A library that is loaded when it is needed.
#pragma once

#include <memory>
#include <string>

namespace ioebss::core {

class SharedLibrary {
  public:
    // Throws a missing library error with the loader's reason.
    explicit SharedLibrary(const std::string &path);

    // Null if the library has no such symbol.
    void *symbol(const char *name) const;

  private:
    struct Close {
        void operator()(void *handle) const;
    };
    std::unique_ptr<void, Close> handle_;
};

// The folder of the file that this code was loaded from: the library, or the program where it is
// linked in. "" if the loader cannot tell.
std::string own_folder();

}  // namespace ioebss::core
