// What the C++ header does where there is no memory. ThreadSanitizer has a `new` of its own that no
// program may replace: without it only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "ioebss/ioebss.hpp"

namespace {

std::size_t refused_bytes = 0;  // memory of this size is not given

}  // namespace

void *operator new[](std::size_t bytes) {
    void *memory = bytes == refused_bytes ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

namespace {

constexpr std::int32_t kWidth = 240, kHeight = 160;

// What has no memory for its mask has not happened.
void check_a_mask_without_memory(const ioebss::Model &model) {
    const std::vector<std::uint8_t> grey(static_cast<std::size_t>(kWidth) * kHeight * 3, 60);
    ioebss::Session session = model.open({grey.data(), kWidth, kHeight});
    bool refused = false;
    refused_bytes = static_cast<std::size_t>(kWidth) * kHeight;
    try {
        session.click(120, 80);
    } catch (const std::bad_alloc &) {
        refused = true;
    }
    refused_bytes = 0;
    CHECK(refused && session.clicks().empty());
    CHECK(session.click(120, 80).at(120, 80) && session.clicks().size() == 1);
}

}  // namespace

int main(int, char **arguments) {
    if (!check::has_engine()) {
        return check::kSkipped;
    }
    check_a_mask_without_memory(ioebss::Model(std::string(arguments[1]) + "/default.onnx"));
    return check::result();
}
