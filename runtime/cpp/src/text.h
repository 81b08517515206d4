// Numbers in messages: as printf's %g, but with a decimal point in every locale.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace ioebss::core {

inline std::string shown(double value) {
    std::array<char, 32> text{};
    char *const begin = text.data();  // room for 6 digits, sign, point and exponent
    const auto end =
        std::to_chars(begin, begin + text.size(), value, std::chars_format::general, 6);
    return {begin, end.ptr};
}

}  // namespace ioebss::core
