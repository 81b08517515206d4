#include "islands.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arithmetic.h"

namespace ioebss::core {
namespace {

// Pixels that are set, in rows.
class Region {
  public:
    Region(std::int64_t height, std::int64_t width)
        : height_(height), width_(width), set_(static_cast<std::size_t>(height * width)) {}

    std::uint8_t &at(std::int64_t x, std::int64_t y) {
        return set_[static_cast<std::size_t>(y * width_ + x)];
    }
    std::uint8_t at(std::int64_t x, std::int64_t y) const {
        return set_[static_cast<std::size_t>(y * width_ + x)];
    }

    // With all pixels that a king reaches in so many steps: those of a row and those of a column,
    // one after the other.
    Region grown(std::int64_t steps) const {
        Region wide(height_, width_), result(height_, width_);
        for (std::int64_t y = 0; y < height_; ++y) {
            spread(
                steps, width_, [&](auto x) { return at(x, y); },
                [&](auto x) { wide.at(x, y) = 1; });
        }
        for (std::int64_t x = 0; x < width_; ++x) {
            spread(
                steps, height_, [&](auto y) { return wide.at(x, y); },
                [&](auto y) { result.at(x, y) = 1; });
        }
        return result;
    }

    // Takes the parts that come near a click out of this one into another. A background click
    // nearby that was obeyed after it may have taken its own cell off the mask; this far its disc
    // reaches.
    void move_parts_about(std::int64_t x, std::int64_t y, Region &target) {
        for_square(x, y, arithmetic::kObeyRadius + 1,
                   [&](auto to_x, auto to_y) { move_part(to_x, to_y, target); });
    }

  private:
    // Takes the part that a pixel belongs to, if it does to any, out of this one into another.
    void move_part(std::int64_t x, std::int64_t y, Region &target) {
        std::vector<std::pair<std::int64_t, std::int64_t>> moved;
        const auto move = [&](std::int64_t to_x, std::int64_t to_y) {
            if (at(to_x, to_y) != 0) {
                at(to_x, to_y) = 0;
                target.at(to_x, to_y) = 1;
                moved.emplace_back(to_x, to_y);
            }
        };
        move(x, y);
        while (!moved.empty()) {
            const auto [from_x, from_y] = moved.back();
            moved.pop_back();
            for_square(from_x, from_y, 1, move);
        }
    }

    // Calls `visit(x, y)` for each pixel that is so many steps of a king away at most.
    template <typename Visit>
    void for_square(std::int64_t x, std::int64_t y, std::int64_t steps, const Visit &visit) const {
        const std::int64_t left = std::max<std::int64_t>(x - steps, 0);
        const std::int64_t right = std::min(x + steps, width_ - 1);
        const std::int64_t bottom = std::min(y + steps, height_ - 1);
        for (std::int64_t to_y = std::max<std::int64_t>(y - steps, 0); to_y <= bottom; ++to_y) {
            for (std::int64_t to_x = left; to_x <= right; ++to_x) {
                visit(to_x, to_y);
            }
        }
    }

    // Marks the places of a line within so many steps of one that is set.
    template <typename IsSet, typename Mark>
    static void spread(std::int64_t steps, std::int64_t length, const IsSet &is_set,
                       const Mark &mark) {
        std::int64_t next = 0;  // the first that is not marked
        for (std::int64_t i = 0; i < length; ++i) {
            if (is_set(i) != 0) {
                const std::int64_t end = std::min(i + steps + 1, length);
                for (next = std::max(next, i - steps); next < end; ++next) {
                    mark(next);
                }
            }
        }
    }

    std::int64_t height_, width_;
    std::vector<std::uint8_t> set_;
};

}  // namespace

Prediction without_islands(Prediction answer, const Clicks &clicks, double gap) {
    const Logits &logits = *answer.logits;
    const std::int64_t height = logits.height(), width = logits.width();
    Region mask(height, width);
    std::int64_t area = 0;
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            mask.at(x, y) = logits.row(y)[x] > 0 ? 1 : 0;
            area += mask.at(x, y);
        }
    }
    const auto steps = static_cast<std::int64_t>(gap * std::sqrt(static_cast<double>(area)) / 2);
    Region others = mask.grown(std::min(steps, std::max(height, width))), kept(height, width);
    for (const Click &cell : to_cells(clicks, answer.window, height, width)) {
        if (cell.label == kForeground) {
            others.move_parts_about(cell.x, cell.y, kept);
        }
    }
    const auto is_island = [&](std::int64_t x, std::int64_t y) {
        return mask.at(x, y) != 0 && kept.at(x, y) == 0;
    };
    std::int64_t islands = 0;  // pixels of them
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            islands += is_island(x, y) ? 1 : 0;
        }
    }
    if (islands == 0 || islands == area) {
        return answer;
    }
    auto without = std::make_shared<Logits>(height, width, 1);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            without->row(y)[x] = is_island(x, y) ? -arithmetic::kObeyLogit : logits.row(y)[x];
        }
    }
    answer.logits = std::move(without);
    return answer;
}

}  // namespace ioebss::core
