// Numbers in messages.
#pragma once

#include <array>
#include <cstdio>
#include <string>

namespace ioebss::core {

inline std::string shown(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%g", value);
    return text.data();
}

}  // namespace ioebss::core
