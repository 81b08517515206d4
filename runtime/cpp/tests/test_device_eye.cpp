// The eye of a GPU against the host's, mask by mask, bit for bit: the driver is a stand-in that
// runs the kernels' host build, the network runs on its memory. All else is the real code.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "device_models.h"
#include "driver/stand_in.h"
#include "enlargement.h"

using namespace ioebss::core;

namespace {

struct Action {
    int what;  // 0..5: click, 6: undo, 7: redo, 8: reset, 9: predict
    double x, y;
    std::int32_t label;
    bool near, start;
};

std::vector<Action> random_actions(std::mt19937 &random, int count) {
    std::uniform_real_distribution<double> fraction(0, 1);
    std::vector<Action> actions;
    for (int i = 0; i < count; ++i) {
        const int what = i == 0 ? 0 : static_cast<int>(random() % 10);
        actions.push_back({what, fraction(random), fraction(random),
                           static_cast<std::int32_t>(random() % 2), random() % 2 == 0,
                           random() % 2 == 0});
    }
    return actions;
}

// A session with what is compared: the last mask and probability.
class Player {
  public:
    Player(const std::shared_ptr<const Model> &model, const ioebss_image &photo)
        : takes_start_(model->manifest().has_previous()),
          session_(model, &photo),
          mask_(static_cast<std::size_t>(photo.width) * static_cast<std::size_t>(photo.height)),
          probability_(mask_.size()) {}

    void act(const Action &action) {
        const Rows<std::uint8_t> rows{mask_.data(), session_.width()};
        const auto width = static_cast<double>(session_.width()),
                   height = static_cast<double>(session_.height());
        double x = std::floor(action.x * width), y = std::floor(action.y * height);
        const std::size_t count = session_.click_count();
        if (action.what < 6) {
            if (action.near && count > 0) {  // discs overlap
                const Click &last = session_.click_at(count - 1);
                x = std::clamp(static_cast<double>(last.x) + action.x * 30 - 15, 0.0, width - 1);
                y = std::clamp(static_cast<double>(last.y) + action.y * 30 - 15, 0.0, height - 1);
            }
            session_.click(x, y, count == 0 ? 1 : action.label, rows);
        } else if (action.what == 6 && count > 0) {
            session_.undo(rows);
        } else if (action.what == 7 && session_.undone_count() > 0) {
            session_.redo(rows);
        } else if (action.what == 8) {
            const ioebss_mask_view start{mask_.data(), static_cast<std::int32_t>(width),
                                         static_cast<std::int32_t>(height), 0};
            session_.reset(takes_start_ && action.start ? &start : nullptr);
            session_.mask(rows);
        } else if (action.what == 9) {
            const ioebss_click clicks[] = {{x, y, 1}, {width - 1 - x, y, 0}, {x, y / 2, 1}};
            session_.predict(clicks, 3, nullptr, rows);
        }
        session_.probability({probability_.data(), session_.width()});
    }

    const std::vector<std::uint8_t> &mask() const { return mask_; }
    const std::vector<float> &probability() const { return probability_; }
    std::size_t click_count() const { return session_.click_count(); }
    std::size_t undone_count() const { return session_.undone_count(); }

  private:
    bool takes_start_;
    Session session_;
    std::vector<std::uint8_t> mask_;
    std::vector<float> probability_;
};

// Both sessions must give the same masks and probabilities all along.
bool same_all_along(const Pair &pair, const ioebss_image &photo,
                    const std::vector<Action> &actions) {
    Player device(pair.device, photo), host(pair.host, photo);
    return std::all_of(actions.begin(), actions.end(), [&](const Action &action) {
        device.act(action);
        host.act(action);
        return device.mask() == host.mask() && device.probability() == host.probability();
    });
}

void check_random_sessions() {
    std::mt19937 random(1);
    const std::optional<Zoom> zooms[] = {std::nullopt,
                                         Zoom{1.5, 1.1, 30, 0.6},
                                         Zoom{1.6, 1.01, 12, 1.0},
                                         Zoom{1.5, 1.1, 8, 0.6, 0.4, 1},
                                         Zoom{1.5, 1.1, 30, 0.6, 0, 3, 0.05, 0.05, 64},
                                         Zoom{1.5, 1.1, 8, 0.6, 0.4, 1, 0.0, 0.0, 64}};
    const int before = stand_in::held();
    for (int i = 0; i < 120; ++i) {
        stand_in::set_capturable(random() % 2 == 0);
        const std::int64_t longest = 32 * (1 + static_cast<std::int64_t>(random() % 3));
        const Pair pair =
            echo_pair(random() % 2 == 0 ? 6 : 5, longest, zooms[random() % std::size(zooms)]);
        const Noise photo(1 + static_cast<std::int32_t>(random() % 150),
                          1 + static_cast<std::int32_t>(random() % 150), i);
        CHECK(same_all_along(pair, photo.view(), random_actions(random, 12)));
    }
    stand_in::set_capturable(true);
    CHECK(stand_in::held() == before && before == 0);
}

// Logits that lie where those of an answer lay that is gone are others. Only where memory that was
// given back is given out again at once, as without AddressSanitizer, can this fail.
void check_logits_in_the_place_of_others() {
    std::mt19937 random(4);
    const Noise noise(80, 60, 6);
    const ioebss_image view = noise.view();
    const Photo photo = photo_of(&view);
    const Window whole{0, 0, 80, 60};
    const Pair pair = echo_pair(6, 64, std::nullopt);
    const auto eye = pair.device->choice.backend->eye(photo, pair.device->manifest(), 64);
    std::vector<std::uint8_t> found(photo.height() * photo.width()), expected(found.size());
    for (int i = 0; i < 10; ++i) {
        Prediction prediction = eye->look(whole, {{40, 30, 1}}, {});
        const Window window = prediction.window;
        const std::int64_t height = prediction.logits->height(), width = prediction.logits->width();
        prediction.logits.reset();
        auto logits = std::make_shared<Logits>(height, width, 1);
        std::generate_n(logits->data(), logits->size(),
                        [&random] { return random() % 2 == 0 ? 1.0F : -1.0F; });
        eye->mask({whole, window, logits, 0.0}, {found.data(), photo.width()});
        logits_to_mask(*logits, window, photo.height(), photo.width(),
                       {expected.data(), photo.width()});
        CHECK(found == expected);
    }
}

// Seen by halves: the photo is much larger than the network's input.
void check_a_large_photo() {
    std::mt19937 random(2);
    const Noise photo(2003, 1501, 5);
    const Pair pair = echo_pair(6, 64, Zoom{1.5, 1.1, 30, 0.6});
    CHECK(same_all_along(pair, photo.view(), random_actions(random, 6)));
}

void check_the_bundled_model(const std::string &folder) {
    std::mt19937 random(3);
    for (const char *name : {"default.onnx", "default.int8.cpu.onnx"}) {
        if (const auto pair = network_pair(folder + "/" + name, 160)) {
            const Noise photo(201, 133, 6);
            CHECK(same_all_along(*pair, photo.view(), random_actions(random, 10)));
        }
    }
}

// All but the first look and the first mask of one window are one launch each.
void check_that_clicks_are_played() {
    const Pair pair = echo_pair(6, 64, std::nullopt);
    const Noise photo(201, 133, 7);
    Player device(pair.device, photo.view());
    const int before = stand_in::plays();
    for (int i = 0; i < 20; ++i) {
        device.act({0, 0.2 + 0.01 * i, 0.4, 1, false, false});
    }
    CHECK(stand_in::plays() - before == 2 * 19);
}

void check_that_clicks_take_no_more_memory() {
    const Pair pair = echo_pair(6, 32, Zoom{1.5, 1.1, 30, 0.6});
    const Noise photo(201, 133, 8);
    Player device(pair.device, photo.view());
    std::mt19937 random(4);
    std::size_t least = SIZE_MAX, most = 0;
    for (int i = 0; i < 600; ++i) {
        if (i % 40 == 0) {
            device.act({8, 0, 0, 0, false, false});
        }
        for (const Action &action : random_actions(random, 1)) {
            device.act(action);
        }
        if (i > 50) {
            least = std::min(least, stand_in::memory_in_use());
            most = std::max(most, stand_in::memory_in_use());
        }
    }
    CHECK(least == most);
}

// An error anywhere leaves the session as it was and nothing behind.
void check_errors_anywhere() {
    const Pair pair = echo_pair(6, 64, Zoom{1.5, 1.1, 30, 0.6});
    const Noise photo(201, 133, 9);
    const std::vector<Action> actions{
        {0, 0.3, 0.4, 1, false, false},  {0, 0.31, 0.4, 1, false, false},
        {0, 0.32, 0.4, 1, false, false}, {0, 0.8, 0.8, 0, false, false},
        {6, 0, 0, 0, false, false},      {9, 0.1, 0.2, 0, false, false},
        {8, 0, 0, 0, false, true},       {0, 0.5, 0.5, 1, false, false}};
    std::vector<std::vector<std::uint8_t>> expected;
    const int before = stand_in::held(), first = stand_in::calls();
    {
        Player player(pair.device, photo.view());
        for (const Action &action : actions) {
            player.act(action);
            expected.push_back(player.mask());
        }
    }
    const int calls = stand_in::calls() - first;
    int failures = 0;
    for (int number = 0; number < calls; ++number) {
        stand_in::fail_at(stand_in::calls() + number);
        try {
            Player player(pair.device, photo.view());
            for (std::size_t i = 0; i < actions.size(); ++i) {
                const std::size_t clicks = player.click_count(), undone = player.undone_count();
                const auto mask = player.mask();
                try {
                    player.act(actions[i]);
                } catch (const Error &error) {
                    ++failures;
                    CHECK(error.status() == IOEBSS_ERROR_BACKEND);
                    CHECK(std::string(error.what()).find("failed") != std::string::npos);
                    CHECK(actions[i].what == 8 ||
                          (player.click_count() == clicks && player.undone_count() == undone &&
                           player.mask() == mask));
                    player.act(actions[i].what == 8 ? Action{8, 0, 0, 0, false, false}
                                                    : actions[i]);
                    if (actions[i].what == 8) {
                        break;  // it starts from another mask now
                    }
                }
                CHECK(player.mask() == expected[i]);
            }
        } catch (const Error &) {
            ++failures;
        }
        CHECK(stand_in::held() == before);
    }
    stand_in::fail_at(-1);
    // All but those that fail while work is recorded: it is done without, then.
    CHECK(calls > 60 && failures >= calls - 40 && failures < calls);
}

std::vector<std::uint8_t> shown(Session &session) {
    const std::uint8_t *mask = session.view_mask();
    return {mask, mask + session.width() * session.height()};
}

// Once shown, the session's own mask is made within the step: all of it happens, or nothing.
void check_errors_where_the_mask_is_shown() {
    const Pair pair = echo_pair(6, 64, Zoom{1.5, 1.1, 30, 0.6});
    const Noise noise(201, 133, 9);
    const ioebss_image photo = noise.view();
    int refused = 0, number = 0, needed = 1;
    for (; number < needed; ++number) {
        Session session(pair.device, &photo);
        session.click(60, 50, kForeground);
        const std::vector<std::uint8_t> before = shown(session);
        const int first = stand_in::calls();
        stand_in::fail_at(first + number);
        try {
            session.click(150, 90, kForeground);
        } catch (const Error &) {
            ++refused;
        }
        stand_in::fail_at(-1);
        const int last = stand_in::calls();
        needed = std::max(needed, last - first);
        const bool taken = session.click_count() == 2;
        CHECK((shown(session) == before) != taken);
        CHECK(!taken || stand_in::calls() == last);  // nothing was left to be made
    }
    CHECK(refused > 0 && refused <= number);
}

void check_out_of_memory() {
    const Pair pair = echo_pair(6, 96, std::nullopt);
    const Noise photo(201, 133, 10);
    const int before = stand_in::held();
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{100'000}, std::size_t{200'000}}) {
        stand_in::set_memory(bytes);
        CHECK(check::throws(IOEBSS_ERROR_BACKEND, "the GPU's memory is used up; close other",
                            [&] { Player(pair.device, photo.view()); }));
        CHECK(stand_in::held() == before && stand_in::memory_in_use() == 0);
    }
    // A mask to start from takes more; without it the session goes on.
    stand_in::set_memory(std::size_t{1} << 40);
    Player device(pair.device, photo.view()), host(pair.host, photo.view());
    const Action click{0, 0.3, 0.4, 1, false, false};
    device.act(click);
    stand_in::set_memory(stand_in::memory_in_use() + 1000);
    device.act({8, 0, 0, 0, false, true});
    CHECK(check::throws(IOEBSS_ERROR_BACKEND, "memory is used up", [&] { device.act(click); }));
    CHECK(device.click_count() == 0);
    device.act({8, 0, 0, 0, false, false});
    device.act(click);
    host.act(click);
    CHECK(device.mask() == host.mask());
    stand_in::set_memory(std::size_t{1} << 40);
}

void check_threads() {
    const Pair pair = echo_pair(6, 64, Zoom{1.5, 1.1, 30, 0.6});
    std::vector<int> right(4, 0);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            std::mt19937 random(static_cast<unsigned>(i));
            for (int round = 0; round < 3; ++round) {
                const Noise photo(120 + i, 100, i);
                right[static_cast<std::size_t>(i)] +=
                    same_all_along(pair, photo.view(), random_actions(random, 10)) ? 1 : 0;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    CHECK(right == std::vector<int>(4, 3));
}

}  // namespace

int main(int, char **arguments) {
    check_random_sessions();
    check_logits_in_the_place_of_others();
    check_a_large_photo();
    check_that_clicks_are_played();
    check_that_clicks_take_no_more_memory();
    check_errors_anywhere();
    check_errors_where_the_mask_is_shown();
    check_out_of_memory();
    check_threads();
    check_the_bundled_model(arguments[1]);
    CHECK(stand_in::held() == 0);
    return check::result();
}
