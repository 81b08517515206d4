// Every status of the C ABI, each reached in the way a caller would.
#include <sys/resource.h>
#include <unistd.h>

#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "guard.h"
#include "ioebss/ioebss.h"
#include "text.h"

namespace {

std::string models;

bool said(ioebss_status status, ioebss_status expected, const std::string &part) {
    const std::string message = ioebss_last_error();
    if (status != expected || message.find(part) == std::string::npos) {
        std::fprintf(stderr, "status %d: %s\n", static_cast<int>(status), message.c_str());
        return false;
    }
    return true;
}

ioebss_status open(const std::string &path, const ioebss_model_options *options = nullptr) {
    ioebss_model *model = nullptr;
    const ioebss_status status = ioebss_model_open(path.c_str(), options, &model);
    CHECK((model != nullptr) == (status == IOEBSS_OK));
    ioebss_model_close(model);
    return status;
}

ioebss_model_options with(const char *backend) {
    ioebss_model_options options;
    ioebss_model_options_init(&options);
    options.backend = backend;
    return options;
}

void check_models() {
    const std::string bundled = models + "/default.onnx";
    CHECK(said(open("/not/there.onnx"), IOEBSS_ERROR_MODEL, "no such model file"));
    CHECK(said(open(models), IOEBSS_ERROR_MODEL, "is a folder"));
    CHECK(said(open(models + "/README.md"), IOEBSS_ERROR_MODEL, "has no manifest"));
    ioebss_model_options options = with("cuda");
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_USAGE,
               "choose one of auto, tensorrt, tensorrt-rtx, onnxruntime-cuda, onnxruntime-cpu"));
#ifdef IOEBSS_HAS_TENSORRT
    const std::string refusal =
        " lies beside default.onnx; ioebss-export \"" + bundled + "\" --engine tensorrt";
#else
    const std::string refusal = "is not built into this library";
#endif
    options = with("tensorrt");
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_BACKEND, refusal));
    options = with("tensorrt-rtx");
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_BACKEND, refusal));
    options = with(nullptr);
    options.size = 321;
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_USAGE, "a multiple of 16 up to 4096"));
    options.size = 0;
    options.threads = -1;
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_USAGE, "threads = -1"));
    options.threads = 10'000;
    CHECK(
        said(open(bundled, &options), IOEBSS_ERROR_USAGE, "threads = 10000; it must be 1 to 9999"));
    options = {};
    CHECK(said(open(bundled, &options), IOEBSS_ERROR_USAGE, "ioebss_model_options_init"));
    CHECK(said(ioebss_model_open(nullptr, nullptr, nullptr), IOEBSS_ERROR_USAGE, "NULL"));
}

void check_libraries() {
    ioebss_model_options options = with("onnxruntime-cpu");
    options.onnxruntime = "/not/there.so";
    CHECK(said(open(models + "/default.onnx", &options), IOEBSS_ERROR_MISSING_LIBRARY,
               "/not/there.so"));
    options.onnxruntime = "libm.so.6";
    CHECK(said(open(models + "/default.onnx", &options), IOEBSS_ERROR_BACKEND, "no OrtGetApiBase"));
    options = with("auto");
    options.onnxruntime = "/not/there.so";
    CHECK(said(open(models + "/default.onnx", &options), IOEBSS_ERROR_BACKEND,
               "no inference engine can be used"));
}

// A file that is no ONNX, with a manifest that describes it.
void check_damaged_model() {
    const auto folder =
        std::filesystem::temp_directory_path() / ("ioebss-test-errors-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    std::ifstream manifest(models + "/default.json");
    std::string text{std::istreambuf_iterator<char>(manifest), {}};
    const std::string key = "\"sha256\": \"";
    text.replace(text.find(key) + key.size(), 64,
                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    std::ofstream(folder / "x.json") << text;
    std::ofstream(folder / "x.onnx") << "abc";
    ioebss_model_options options = with("onnxruntime-cpu");
    CHECK(said(open((folder / "x.onnx").string(), &options), IOEBSS_ERROR_MODEL,
               "cannot be loaded by onnxruntime"));
    std::ofstream(folder / "x.onnx") << "abd";
    CHECK(said(open((folder / "x.onnx").string()), IOEBSS_ERROR_MODEL, "is not the file that"));
    std::filesystem::remove_all(folder);
}

void check_clicks(ioebss_session *session) {
    const double far = std::nan("");
    CHECK(said(ioebss_session_click(session, 1, 1, 0, nullptr), IOEBSS_ERROR_CLICK,
               "the first click must be foreground"));
    CHECK(said(ioebss_session_click(session, 32, 1, 1, nullptr), IOEBSS_ERROR_CLICK,
               "x = 32 is outside the photo; x runs from 0 to 31"));
    CHECK(said(ioebss_session_click(session, 1, -0.5, 1, nullptr), IOEBSS_ERROR_CLICK, "y = -0.5"));
    CHECK(said(ioebss_session_click(session, far, 1, 1, nullptr), IOEBSS_ERROR_CLICK, "finite"));
    CHECK(said(ioebss_session_click(session, 1, 1, 2, nullptr), IOEBSS_ERROR_CLICK, "label 2"));
    const std::vector<ioebss_click> many(IOEBSS_MAX_CLICKS + 1, {1, 1, 1});
    std::vector<std::uint8_t> pixels(32 * 32, 7);
    const ioebss_mask mask{pixels.data(), 32, 32, 0};
    CHECK(said(ioebss_session_predict(session, many.data(), many.size(), nullptr, &mask),
               IOEBSS_ERROR_CLICK, "more than 1000 clicks"));
    CHECK(said(ioebss_session_predict(session, nullptr, 0, nullptr, &mask), IOEBSS_ERROR_CLICK,
               "no foreground click"));
    CHECK(pixels[0] == 7);
}

void check_usage(ioebss_session *session) {
    std::uint8_t pixels[4] = {};
    const ioebss_mask small{pixels, 2, 2, 0};
    const ioebss_mask_view view{pixels, 2, 2, 0};
    ioebss_click click;
    CHECK(said(ioebss_session_click(session, 1, 1, 1, &small), IOEBSS_ERROR_USAGE,
               "the mask has 2x2 pixels, the photo 32x32"));
    CHECK(ioebss_session_click_count(session) == 0);
    CHECK(said(ioebss_session_reset(session, &view), IOEBSS_ERROR_USAGE, "2x2"));
    CHECK(said(ioebss_session_undo(session, nullptr), IOEBSS_ERROR_USAGE, "no click to undo"));
    CHECK(said(ioebss_session_redo(session, nullptr), IOEBSS_ERROR_USAGE, "no undone click"));
    CHECK(said(ioebss_session_get_click(session, 0, &click), IOEBSS_ERROR_USAGE, "no click"));
    CHECK(said(ioebss_session_mask(session, nullptr), IOEBSS_ERROR_USAGE, "NULL"));
    CHECK(said(ioebss_session_view_mask(session, nullptr), IOEBSS_ERROR_USAGE, "NULL"));
    CHECK(said(ioebss_session_predict(session, nullptr, 1, nullptr, &small), IOEBSS_ERROR_USAGE,
               "NULL"));
    CHECK(said(ioebss_session_probability(session, nullptr, 0), IOEBSS_ERROR_USAGE, "NULL"));
    CHECK(said(ioebss_session_undo(nullptr, nullptr), IOEBSS_ERROR_USAGE, "session is NULL"));
}

// A photo that does not fit into what memory is left, as a process of its own limits would have it.
// Sanitizers reserve address space themselves, so this is not done under them.
void check_memory(const ioebss_model *model) {
#ifndef IOEBSS_SANITIZED
    const std::vector<std::uint8_t> pixels(100'000'000, 1);
    const ioebss_image photo{pixels.data(), 10'000, 10'000, 0, IOEBSS_GREY};
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    std::ifstream statistics("/proc/self/statm");
    rlim_t pages = 0;
    statistics >> pages;
    rlimit tight = before;
    tight.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + 100'000'000;
    setrlimit(RLIMIT_AS, &tight);
    ioebss_session *session = nullptr;
    const ioebss_status status = ioebss_session_open(model, &photo, &session);
    setrlimit(RLIMIT_AS, &before);
    CHECK(said(status, IOEBSS_ERROR_MEMORY, "not enough memory"));
    CHECK(session == nullptr);
#else
    (void)model;
#endif
}

void check_sessions() {
    ioebss_model *model = nullptr;
    CHECK(ioebss_model_open((models + "/default.onnx").c_str(), nullptr, &model) == IOEBSS_OK);
    CHECK(std::string(ioebss_model_backend_log(model)).find("tensorrt: ") == 0);
    ioebss_session *session = nullptr;
    CHECK(said(ioebss_session_open(model, nullptr, &session), IOEBSS_ERROR_IMAGE, "no pixels"));
    CHECK(said(ioebss_session_open(nullptr, nullptr, &session), IOEBSS_ERROR_USAGE, "NULL"));
    const std::vector<std::uint8_t> pixels(32 * 32, 100);
    const ioebss_image photo{pixels.data(), 32, 32, 0, IOEBSS_GREY};
    CHECK(ioebss_session_open(model, &photo, &session) == IOEBSS_OK);
    check_clicks(session);
    check_usage(session);
    check_memory(model);
    ioebss_session_close(session);
    ioebss_session_close(nullptr);
    ioebss_model_close(model);
}

// Numbers in messages are C's own, whatever the program's locale.
void check_numbers() {
    for (const double value : {-0.25, 0.0, 1.0, 450.0, 1234567.0, 1e300, 1.0 / 3, 1e-7,
                               std::numeric_limits<double>::infinity()}) {
        char expected[32];
        std::snprintf(expected, sizeof expected, "%g", value);
        CHECK(ioebss::core::shown(value) == expected);
    }
    for (const char *name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"}) {
        if (std::setlocale(LC_ALL, name) != nullptr) {
            CHECK(ioebss::core::shown(-0.25) == "-0.25");
            CHECK(open(models + "/default.onnx") == IOEBSS_OK);  // its manifest holds fractions
        }
    }
    std::setlocale(LC_ALL, "C");
}

// What nothing that a caller does should reach: the border itself.
void check_border() {
    CHECK(said(ioebss::core::guarded([] { throw std::logic_error("broken"); }),
               IOEBSS_ERROR_INTERNAL, "broken"));
    CHECK(said(ioebss::core::guarded([] { throw 5; }), IOEBSS_ERROR_INTERNAL, "unknown"));
    CHECK(ioebss::core::guarded([] {}) == IOEBSS_OK);
}

}  // namespace

int main(int, char **arguments) {
    if (!check::has_engine()) {
        return check::kSkipped;
    }
    models = arguments[1];
    CHECK(ioebss_version() ==
          10000 * IOEBSS_VERSION_MAJOR + 100 * IOEBSS_VERSION_MINOR + IOEBSS_VERSION_PATCH);
    CHECK(std::strlen(ioebss_last_error()) == 0);
    check_models();
    check_libraries();
    check_damaged_model();
    check_sessions();
    check_numbers();
    check_border();
    return check::result();
}
