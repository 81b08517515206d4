#include "backend.h"

namespace ioebss::core {

std::unique_ptr<Eye> Backend::eye(const Photo &, const Manifest &, std::int64_t) const {
    return nullptr;
}

}  // namespace ioebss::core
