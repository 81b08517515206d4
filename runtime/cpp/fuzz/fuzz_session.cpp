// Any view of memory as a photo, then any clicks on it. Views are refused or read within their
// bounds alone; masks are written within theirs. In place of an inference engine stands one that
// answers with the click planes and the previous mask: what is fuzzed is everything around the
// network.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "error.h"
#include "session.h"

namespace {

using namespace ioebss::core;

// Numbers of the fuzzer's choice; 0 when there are no more.
class Choices {
  public:
    Choices(const std::uint8_t *data, std::size_t size) : data_(data), size_(size) {}

    template <typename T>
    T next() {
        T value{};
        const std::size_t taken = std::min(sizeof value, size_);
        std::memcpy(&value, data_, taken);
        data_ += taken;
        size_ -= taken;
        return value;
    }

    bool empty() const { return size_ == 0; }

  private:
    const std::uint8_t *data_;
    std::size_t size_;
};

class Echo : public Backend {
  public:
    explicit Echo(bool previous) : previous_(previous) {}

    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &) const override {
        const std::int64_t area = height * width;
        for (std::int64_t i = 0; i < area; ++i) {
            const float *at = input + 3 * area + i;
            const float before = previous_ ? 2 * at[2 * area] : 0;
            logits[i] = at[0] - at[area] + before - 0.5F + (input[i] - 128) / 512;
        }
    }

  private:
    bool previous_;
};

// None, or 0 to 1.
std::optional<double> optional_share(Choices &choices) {
    const auto value = choices.next<std::uint8_t>();
    return value == 0 ? std::nullopt : std::optional((value - 1) / 254.0);
}

std::shared_ptr<const Model> model_of(Choices &choices) {
    const auto shape = choices.next<std::uint8_t>();
    Manifest manifest;
    manifest.name = "echo";
    manifest.channels.resize((shape & 1) != 0 ? 6 : 5);
    manifest.click_radius = 1 + choices.next<std::uint8_t>() % 64;
    manifest.size_multiple = 1 + shape / 32;
    const std::int64_t longest = manifest.size_multiple * (1 + choices.next<std::uint8_t>() % 4);
    manifest.recommended_sizes = {longest};
    if ((shape & 2) != 0) {
        manifest.fixed_size = {manifest.size_multiple, longest};
    }
    const bool previous = manifest.has_previous();
    Choice choice{"echo", std::make_unique<Echo>(previous), "", std::move(manifest)};
    Habits habits{longest, std::nullopt, (shape & 4) != 0};
    if ((shape & 8) != 0) {
        const double keep = 1 + choices.next<std::uint8_t>() / 64.0;
        habits.zoom = Zoom{keep + choices.next<std::uint8_t>() / 64.0, keep,
                           1 + choices.next<std::uint8_t>(), choices.next<std::uint8_t>() / 255.0};
        habits.zoom->detail = choices.next<std::uint8_t>() / 255.0;
        habits.zoom->detail_after = choices.next<std::uint8_t>() % 4;
        habits.zoom->islands = optional_share(choices);
        habits.zoom->forget = optional_share(choices);
        habits.zoom->unsure = optional_share(choices);
    }
    return std::make_shared<const Model>(Model{std::move(choice), std::move(habits)});
}

ioebss_image image_of(Choices &choices) {
    ioebss_image image{nullptr, 0, 0, 0, IOEBSS_RGB};
    const auto how = choices.next<std::uint8_t>();
    const bool small = (how & 1) != 0;
    image.width = small ? choices.next<std::uint8_t>() : choices.next<std::int32_t>();
    image.height = small ? choices.next<std::uint8_t>() : choices.next<std::int32_t>();
    image.stride = (how & 2) != 0 ? choices.next<std::int64_t>() : choices.next<std::uint16_t>();
    image.channels = (how & 4) != 0 ? choices.next<std::int32_t>() : how / 8 % 5;
    return image;
}

// Memory that a valid view needs, to its last byte, so that a sanitizer sees what reads beyond.
// None where that would be too much to try out.
std::optional<std::vector<std::uint8_t>> memory_for(const ioebss_image &image) {
    constexpr std::int64_t kMost = 1 << 15;
    const std::int64_t row = std::int64_t{image.width} * (image.channels == IOEBSS_GREY ? 1
                                                          : image.channels < 2          ? 3
                                                                                        : 4);
    const std::int64_t stride = image.stride == 0 ? row : image.stride;
    if (image.width < 1 || image.height < 1 || row < 0 || row > kMost || image.height > kMost ||
        stride < row || stride > kMost || stride * image.height > kMost) {
        return std::nullopt;
    }
    return std::vector<std::uint8_t>(static_cast<std::size_t>(stride * (image.height - 1) + row),
                                     100);
}

void use(Session &session, Choices &choices) {
    const std::size_t size = static_cast<std::size_t>(session.height() * session.width());
    std::vector<std::uint8_t> mask(size);
    std::vector<float> probability(size);
    for (int i = 0; i < 12 && !choices.empty(); ++i) {
        const auto what = choices.next<std::uint8_t>();
        const double x = choices.next<std::uint16_t>() / 256.0,
                     y = choices.next<std::uint16_t>() / 256.0;
        const ioebss_mask_view start{mask.data(), static_cast<std::int32_t>(session.width()),
                                     static_cast<std::int32_t>(session.height()), 0};
        const ioebss_click clicks[] = {{x, y, 1}, {y, x, what & 1}};
        const Rows<std::uint8_t> rows{mask.data(), session.width()};
        try {
            switch (what / 32) {
                case 0:
                    session.undo();
                    break;
                case 1:
                    session.redo();
                    break;
                case 2:
                    session.reset((what & 1) != 0 ? &start : nullptr);
                    break;
                case 3:
                    session.predict(clicks, 2, (what & 2) != 0 ? &start : nullptr, rows);
                    break;
                case 4:
                    session.probability({probability.data(), session.width()});
                    break;
                default:
                    session.click(x, y, what & 1);
            }
        } catch (const Error &error) {
            if (error.status() != IOEBSS_ERROR_CLICK && error.status() != IOEBSS_ERROR_USAGE) {
                std::abort();
            }
        }
        session.mask(rows);
        if ((what & 8) != 0 && !std::equal(mask.begin(), mask.end(), session.view_mask())) {
            std::abort();
        }
        for (std::size_t j = 0; j < session.click_count(); ++j) {
            const Click &click = session.click_at(j);
            if (click.x < 0 || click.x >= session.width() || click.y >= session.height()) {
                std::abort();
            }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Choices choices(data, size);
    const std::shared_ptr<const Model> model = model_of(choices);
    ioebss_image image = image_of(choices);
    const auto memory = memory_for(image);
    const std::uint8_t nothing = 0;
    image.data = memory ? memory->data() : &nothing;
    if (!memory) {  // too large to be tried out, or wrong: then it must be refused
        const bool plausible = image.width > 0 && image.height > 0 && image.channels >= 0 &&
                               image.channels <= IOEBSS_GREY && image.stride >= 0 &&
                               std::int64_t{image.width} * image.height <= kMaxPixels;
        if (plausible) {
            return 0;
        }
    }
    try {
        Session session(model, &image);
        use(session, choices);
    } catch (const Error &error) {
        if (error.status() != IOEBSS_ERROR_IMAGE) {
            std::abort();
        }
    }
    return 0;
}
