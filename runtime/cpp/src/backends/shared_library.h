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

// What to load for a library with this file name: the file beside libioebss (or beside the program
// where that is linked in), if there is one; else the name, for the dynamic loader to look for.
std::string beside_or_name(const std::string &name);

}  // namespace ioebss::core
