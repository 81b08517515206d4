// A click that another thread cancels has not happened. Run it under ThreadSanitizer.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/onnxruntime.h"
#include "check.h"
#include "error.h"
#include "ioebss/ioebss.hpp"
#include "session.h"

namespace {

namespace core = ioebss::core;
using core::Cancellation;

constexpr std::int32_t kSide = 64;

// A network that answers with the click planes, and can be told to wait in one of its runs until
// somebody stops it, or until it is let go.
class Waiting : public core::Backend {
  public:
    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &cancellation) const override {
        const std::int64_t area = height * width;
        if (runs_before_waiting-- == 0) {
            wait(cancellation);
        }
        for (std::int64_t i = 0; i < area; ++i) {
            logits[i] = input[3 * area + i] - input[4 * area + i] - 0.5F;
        }
    }

    mutable std::atomic<int> runs_before_waiting{-1};
    bool can_be_stopped = true;
    mutable std::promise<void> waits, go_on;

  private:
    void wait(Cancellation &cancellation) const {
        std::promise<void> stopped;
        if (!can_be_stopped) {
            waits.set_value();
            go_on.get_future().wait();
            return;
        }
        const Cancellation::Run run(cancellation, [&] { stopped.set_value(); });
        waits.set_value();
        stopped.get_future().wait();
        throw core::backend_error("stopped in the middle");
    }
};

// A session with such a network, which is never sure and so looks three times for a first click.
struct Desk {
    explicit Desk(bool flip) {
        auto own = std::make_unique<Waiting>();
        network = own.get();
        core::Manifest manifest;
        manifest.name = "waiting";
        manifest.channels.resize(5);
        manifest.click_radius = 5;
        manifest.size_multiple = 8;
        manifest.recommended_sizes = {32};
        core::Zoom zoom{1.4, 1.15, 8, 1};
        zoom.unsure = 64;
        const core::Habits habits{32, zoom, flip};
        model = std::make_shared<const core::Model>(
            core::Model{core::Choice{"waiting", std::move(own), "", manifest}, habits});
    }

    core::Session session() const {
        const std::vector<std::uint8_t> pixels(kSide * kSide, 90);
        const ioebss_image photo{pixels.data(), kSide, kSide, 0, IOEBSS_GREY};
        return core::Session(model, &photo);
    }

    const Waiting *network = nullptr;
    std::shared_ptr<const core::Model> model;
};

// Cancels `call` while the network waits in this run of its; whether it threw a cancelled error.
template <typename Call>
bool cancelled(const Desk &desk, core::Session &session, int run, const Call &call) {
    desk.network->waits = std::promise<void>();
    desk.network->go_on = std::promise<void>();
    desk.network->runs_before_waiting = run;
    auto result = std::async(std::launch::async, [&] {
        return check::throws(IOEBSS_ERROR_CANCELLED, "cancelled", call);
    });
    desk.network->waits.get_future().wait();
    CHECK(session.cancel());
    if (!desk.network->can_be_stopped) {  // otherwise the click may be done by now
        CHECK(session.cancel());          // once more makes no difference
    }
    desk.network->go_on.set_value();
    const bool right = result.get();
    CHECK(!session.cancel());
    return right;
}

std::vector<std::uint8_t> mask_of(core::Session &session) {
    const std::uint8_t *data = session.view_mask();
    return {data, data + kSide * kSide};
}

void check_session(bool stoppable, bool flip) {
    Desk desk(flip);
    const_cast<Waiting *>(desk.network)->can_be_stopped = stoppable;
    core::Session session = desk.session(), other = desk.session();
    CHECK(!session.cancel());
    const int runs = flip ? 6 : 3;  // of the first click, each of which may be stopped
    for (int run = 0; run < runs; ++run) {
        CHECK(cancelled(desk, session, run, [&] { session.click(20, 30, 1); }));
        CHECK(session.click_count() == 0 && session.undone_count() == 0);
    }
    session.click(20, 30, 1);
    other.click(20, 30, 1);
    CHECK(mask_of(session) == mask_of(other));
    session.click(40, 40, 1);
    session.undo();
    const auto before = mask_of(session);
    CHECK(cancelled(desk, session, 0, [&] { session.click(50, 8, 0); }));
    CHECK(session.click_count() == 1 && session.undone_count() == 1);
    CHECK(mask_of(session) == before);
    std::vector<std::uint8_t> pixels(kSide * kSide, 7);
    const ioebss_click set[] = {{20, 30, 1}, {1, 1, 0}};
    CHECK(cancelled(desk, session, 0, [&] {
        session.predict(set, 2, nullptr, {pixels.data(), kSide});
    }));
    CHECK(pixels == std::vector<std::uint8_t>(kSide * kSide, 7));
    session.redo();
    other.click(40, 40, 1);
    CHECK(mask_of(session) == mask_of(other));
}

// That ONNX Runtime itself stops: told so in the middle of a run, it reports an error. When the
// middle is, nobody knows, so it is tried after longer and longer waits.
void check_onnxruntime(const std::string &path) {
    const core::Manifest manifest = core::read_model_manifest({path});
    core::EngineOptions options;
    options.threads = 1;
    const auto network = core::open_onnxruntime_cpu({path}, manifest, options);
    constexpr std::int64_t kLarge = 640;
    std::vector<float> input(6 * kLarge * kLarge), logits(kLarge * kLarge);
    bool stopped = false;
    for (int wait = 0; wait < 60 && !stopped; ++wait) {
        Cancellation cancellation;
        Cancellation::Work work(cancellation);
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(wait));
            cancellation.request();
        });
        try {
            network->run(input.data(), kLarge, kLarge, logits.data(), cancellation);
        } catch (const core::Error &error) {
            stopped = error.status() == IOEBSS_ERROR_BACKEND;
        }
        other.join();
    }
    CHECK(stopped);
}

// Through the header, as programs do it.
void check_header(const std::string &path) {
    const std::vector<std::uint8_t> pixels(kSide * kSide, 90);
    const ioebss::Model model(path);
    const ioebss::ImageView photo{pixels.data(), kSide, kSide, ioebss::Channels::grey};
    ioebss::Session session = model.open(photo), other = model.open(photo);
    CHECK(!session.cancel());
    bool was_cancelled = false;
    // A click may be done before it is found running.
    for (int round = 0; round < 100 && !was_cancelled; ++round) {
        session.reset();
        std::atomic<bool> done{false};
        auto result = std::async(std::launch::async, [&] {
            bool thrown = false;
            try {
                session.click(20, 30);
            } catch (const ioebss::CancelledError &) {
                thrown = true;
            }
            done = true;
            return thrown;
        });
        bool asked = false;
        while (!done && !asked) {
            asked = session.cancel();
        }
        was_cancelled = result.get();
        CHECK(was_cancelled == asked);
    }
    CHECK(was_cancelled && session.clicks().empty());
    const ioebss::MaskView found = session.click(20, 30), expected = other.click(20, 30);
    CHECK(std::vector<std::uint8_t>(found.data, found.data + kSide * kSide) ==
          std::vector<std::uint8_t>(expected.data, expected.data + kSide * kSide));
}

}  // namespace

int main(int, char **arguments) {
    for (const bool stoppable : {true, false}) {
        check_session(stoppable, false);
        check_session(stoppable, true);
    }
    if (!check::has_engine()) {
        return check::failures == 0 ? check::kSkipped : check::result();
    }
    const std::string path = std::string(arguments[1]) + "/default.onnx";
    check_onnxruntime(path);
    check_header(path);
    return check::result();
}
