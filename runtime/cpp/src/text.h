// Numbers in messages: as printf's %g, but with a decimal point in every locale.
#pragma once

#include <locale>
#include <sstream>
#include <string>

namespace ioebss::core {

inline std::string shown(double value) {
    std::ostringstream text;  // std::to_chars of a double wants GCC 11
    text.imbue(std::locale::classic());
    text << value;
    return text.str();
}

}  // namespace ioebss::core
