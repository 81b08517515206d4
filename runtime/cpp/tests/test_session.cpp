// A session through the C++ header, with the bundled model on a drawn photo.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "ioebss/ioebss.hpp"

namespace {

constexpr std::int32_t kWidth = 240, kHeight = 160;

// A red square, 80..159 x 40..119, on dark grey.
std::vector<std::uint8_t> square() {
    std::vector<std::uint8_t> pixels;
    for (std::int32_t y = 0; y < kHeight; ++y) {
        for (std::int32_t x = 0; x < kWidth; ++x) {
            const bool on = x >= 80 && x < 160 && y >= 40 && y < 120;
            for (int value : {on ? 220 : 60, on ? 40 : 60, on ? 30 : 60}) {
                pixels.push_back(static_cast<std::uint8_t>(value));
            }
        }
    }
    return pixels;
}

std::vector<std::uint8_t> copy(const ioebss::MaskView &mask) {
    return {mask.data, mask.data + static_cast<std::ptrdiff_t>(mask.width) * mask.height};
}

void check_clicks(const ioebss::Model &model) {
    ioebss::Session session = model.open({square().data(), kWidth, kHeight});
    CHECK(session.width() == kWidth && session.height() == kHeight);
    CHECK(copy(session.mask()) == std::vector<std::uint8_t>(kWidth * kHeight, 0));
    const auto first = copy(session.click(120, 80));
    // How much of a drawing a network takes is its own affair; that the click is obeyed is not.
    CHECK(session.mask().at(120, 80));
    CHECK(session.timing().network > 0 && session.timing().prepare > 0);
    const auto second = copy(session.click(82.9, 42, ioebss::kBackground));
    CHECK(!session.mask().at(82, 42));
    CHECK(session.clicks().size() == 2 && session.clicks()[1].x == 82 &&
          session.clicks()[1].label == 0);
    CHECK(copy(session.undo()) == first && session.can_redo());
    CHECK(copy(session.redo()) == second && !session.can_redo());
    const auto probability = session.probability();
    CHECK(probability[42 * kWidth + 82] < 0.3F && probability[80 * kWidth + 120] > 0.7F);

    session.reset();
    CHECK(session.clicks().empty());
    std::vector<std::uint8_t> wide(static_cast<std::size_t>(kWidth + 3) * kHeight, 9);
    session.click(120, 80, ioebss::kForeground, {wide.data(), kWidth, kHeight, kWidth + 3});
    CHECK(wide[80 * (kWidth + 3) + 120] == 255 && wide[kWidth] == 9);
    CHECK(copy(session.mask()) == first);
}

void check_starts(const ioebss::Model &model) {
    ioebss::Session session = model.open({square().data(), kWidth, kHeight});
    const auto first = copy(session.click(120, 80));
    const ioebss::MaskView start{first.data(), kWidth, kHeight};
    session.reset(start);
    CHECK(copy(session.mask()) == first);
    std::vector<std::uint8_t> mask(first.size());
    session.predict({{120, 80, 1}, {10, 10, 0}}, {mask.data(), kWidth, kHeight}, &start);
    CHECK(mask[80 * kWidth + 120] == 255 && mask[10 * kWidth + 10] == 0);
    CHECK(copy(session.mask()) == first);
}

// Steps that write to the caller's memory and steps that show the session's own, mixed.
void check_both_masks(const ioebss::Model &model) {
    ioebss::Session session = model.open({square().data(), kWidth, kHeight});
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kWidth) * kHeight, 7);
    const ioebss::MaskBuffer mask{pixels.data(), kWidth, kHeight};
    const auto one = copy(session.click(120, 80));
    session.click(20, 20, ioebss::kForeground, mask);
    const auto two = pixels;
    CHECK(two != one && copy(session.mask()) == two);
    session.undo(mask);
    CHECK(pixels == one && copy(session.mask()) == one);
    session.redo(mask);
    CHECK(pixels == two && copy(session.mask()) == two);
    CHECK(copy(session.undo()) == one && copy(session.redo()) == two);
    session.reset();
    CHECK(copy(session.mask()) == std::vector<std::uint8_t>(pixels.size(), 0));
}

// Handles are closed in any order; what was moved from holds nothing.
void check_ownership(const std::string &path) {
    auto model = std::make_unique<ioebss::Model>(path);
    ioebss::Session session = model->open({square().data(), kWidth, kHeight});
    CHECK(model->backend() == "onnxruntime-cpu" && model->size() == 320 && model->zooms());
    CHECK(model->backend_log().find("onnxruntime-cuda: ") != std::string::npos);
    model.reset();
    ioebss::Session moved = std::move(session);
    CHECK(session.get() == nullptr);
    CHECK(copy(moved.click(120, 80))[80 * kWidth + 120] == 255);
}

template <typename Wanted, typename Body>
bool throws(const Body &body) {
    try {
        body();
    } catch (const Wanted &error) {
        return *error.what() != '\0';
    }
    return false;
}

void check_exceptions(const ioebss::Model &model, const std::string &path) {
    ioebss::Session session = model.open({square().data(), kWidth, kHeight});
    CHECK(throws<ioebss::ClickError>([&] { session.click(-1, 0); }));
    CHECK(throws<ioebss::UsageError>([&] { session.click(-1, 0); }));  // a click error is one too
    CHECK(throws<ioebss::UsageError>([&] { session.undo(); }));
    CHECK(throws<ioebss::ImageError>([&] { model.open({}); }));
    CHECK(throws<ioebss::ModelError>([] { ioebss::Model("/not/there.onnx"); }));
    ioebss::Options options;
    options.backend = "onnxruntime-cuda";
    CHECK(throws<ioebss::BackendError>([&] { ioebss::Model(path, options); }));
    options = {"onnxruntime-cpu", "/not/there.so"};
    CHECK(throws<ioebss::MissingLibraryError>([&] { ioebss::Model(path, options); }));
    CHECK(throws<std::bad_alloc>([] { ioebss::check(IOEBSS_ERROR_MEMORY); }));
    CHECK(throws<ioebss::Error>([] { ioebss::check(IOEBSS_ERROR_INTERNAL); }));
}

}  // namespace

int main(int, char **arguments) {
    if (!check::has_engine()) {
        return check::kSkipped;
    }
    const std::string path = std::string(arguments[1]) + "/default.onnx";
    const ioebss::Model model(path);
    check_clicks(model);
    check_starts(model);
    check_both_masks(model);
    check_ownership(path);
    check_exceptions(model, path);
    return check::result();
}
