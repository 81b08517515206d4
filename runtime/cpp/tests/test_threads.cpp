// One model, many threads: sessions of their own give what one thread alone gets, and each thread
// has its own last error. Run it under ThreadSanitizer.
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "ioebss/ioebss.h"

namespace {

constexpr std::int32_t kSide = 96;
constexpr int kThreads = 4, kRounds = 2;

// A photo and the mask after three clicks on it, the last one undone and set again.
std::vector<std::uint8_t> clicked(const ioebss_model *model, int number) {
    std::vector<std::uint8_t> pixels;
    for (std::int32_t i = 0; i < kSide * kSide; ++i) {
        pixels.push_back(static_cast<std::uint8_t>((i % kSide) * 2 + (i / kSide) * number));
    }
    std::vector<std::uint8_t> mask(pixels.size());
    const ioebss_image photo{pixels.data(), kSide, kSide, 0, IOEBSS_GREY};
    const ioebss_mask out{mask.data(), kSide, kSide, 0};
    ioebss_session *session = nullptr;
    ioebss_status status = ioebss_session_open(model, &photo, &session);
    for (int i = 0; i < 3 && status == IOEBSS_OK; ++i) {
        status = ioebss_session_click(session, 40 + i, 30 + 3 * number, i != 1, nullptr);
    }
    status = status == IOEBSS_OK ? ioebss_session_undo(session, nullptr) : status;
    status = status == IOEBSS_OK ? ioebss_session_redo(session, &out) : status;
    ioebss_session_close(session);
    return status == IOEBSS_OK ? mask : std::vector<std::uint8_t>();
}

// Whether a thread's failures are its own.
bool fails_alone(const ioebss_model *model, int number) {
    const std::uint8_t pixel = 0;
    const ioebss_image photo{&pixel, 1, 1, -number, IOEBSS_GREY};
    ioebss_session *session = nullptr;
    const ioebss_status status = ioebss_session_open(model, &photo, &session);
    const std::string said = ioebss_last_error();
    return status == IOEBSS_ERROR_IMAGE &&
           said.find("is -" + std::to_string(number) + " bytes") != std::string::npos;
}

}  // namespace

int main(int, char **arguments) {
    if (!check::has_engine()) {
        return check::kSkipped;
    }
    ioebss_model_options options;
    ioebss_model_options_init(&options);
    options.threads = 1;
    ioebss_model *model = nullptr;
    const std::string path = std::string(arguments[1]) + "/default.onnx";
    CHECK(ioebss_model_open(path.c_str(), &options, &model) == IOEBSS_OK);

    std::vector<std::vector<std::uint8_t>> alone;
    for (int number = 1; number <= kThreads; ++number) {
        alone.push_back(clicked(model, number));
        CHECK(!alone.back().empty());
    }
    std::vector<int> right(kThreads, 0);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < kRounds; ++round) {
                right[static_cast<std::size_t>(i)] +=
                    clicked(model, i + 1) == alone[static_cast<std::size_t>(i)] &&
                    fails_alone(model, i + 1);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (int count : right) {
        CHECK(count == kRounds);
    }
    ioebss_model_close(model);
    return check::result();
}
