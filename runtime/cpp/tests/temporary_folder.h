// A folder that goes with its owner.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

class TemporaryFolder {
  public:
    explicit TemporaryFolder(const std::string &name)
        : path_(std::filesystem::temp_directory_path() /
                ("ioebss-test-" + name + "-" + std::to_string(getpid()))) {
        std::filesystem::create_directories(path_);
    }
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path &path() const { return path_; }

  private:
    std::filesystem::path path_;
};
