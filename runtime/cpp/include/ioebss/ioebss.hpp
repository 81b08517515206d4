// libioebss for C++17: ioebss.h with handles that close themselves, views and exceptions. Header
// only: link ioebss::ioebss (or ioebss::static).
//
// OVERVIEW
//   ioebss::Model holds a model, loaded on an engine. ioebss::Session holds one photo, the clicks
//   on it and what the network answered; Model::open makes one for each photo.
//
// BASIC USE
//   #include <ioebss/ioebss.hpp>
//
//   ioebss::Model model("default.onnx");                       // default.json lies beside it
//   ioebss::Session session = model.open({pixels, width, height});   // 8-bit RGB; it is copied
//   ioebss::MaskView mask = session.click(320, 240);           // on the object
//   mask = session.click(40, 60, ioebss::kBackground);         // off it: the mask is corrected
//   if (mask.at(320, 240)) { ... }                             // 255 on the object, 0 off it
//   session.undo();
//
//   A model may also be in memory, embedded in your program or taken from an archive:
//   auto model = ioebss::Model::from_memory({onnx, onnx_size}, {manifest, manifest_size});
//
//   With OpenCV, without copying:
//   ioebss::ImageView photo{image.data, image.cols, image.rows, ioebss::Channels::bgr,
//                           static_cast<std::int64_t>(image.step)};
//   cv::Mat mask(image.size(), CV_8U);
//   session.click(320, 240, ioebss::kForeground, {mask.data, mask.cols, mask.rows});
//
// GPU USE
//   Engines are tried in this order: "tensorrt", "tensorrt-rtx", "onnxruntime-cuda",
//   "onnxruntime-cpu". model.backend() names the one in use, model.backend_log() says why others
//   were refused. ioebss::Options{}.backend asks for one by name, which is never replaced by
//   another. The first two run the engine X.tensorrt.engine or X.tensorrt-rtx.engine beside X.onnx,
//   or the engine that is named. For onnxruntime-cuda, let Options::onnxruntime or the environment
//   variable IOEBSS_ONNXRUNTIME name an ONNX Runtime with the CUDA provider.
//
// THREADS
//   A Model may be used by many threads at once. A Session belongs to one thread at a time;
//   different sessions of one model may run in different threads. There is no global state.
//   Session::cancel alone may be called by another thread: it stops a click that runs.
//
// OWNERSHIP
//   What you pass is copied before the call returns. Model and Session close themselves, in any
//   order. A MaskView shows memory of the session, until the session's next call that is not const;
//   copy it, or have the mask written into memory of yours.
//
// ERRORS
//   Everything that fails throws one of the classes below; what() says what to do. The session
//   stays as it was. Handles that were moved from can only be assigned to or destroyed.
#ifndef IOEBSS_IOEBSS_HPP
#define IOEBSS_IOEBSS_HPP

#if __cplusplus < 201703L
#error "ioebss.hpp needs C++17 or newer: compile with -std=c++17, or include ioebss.h"
#endif

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "ioebss.h"

namespace ioebss {

constexpr int kForeground = 1, kBackground = 0;

// -- errors

// Base of all errors but std::bad_alloc.
class Error : public std::runtime_error {
  public:
    Error(ioebss_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}
    ioebss_status status() const noexcept { return status_; }

  private:
    ioebss_status status_;
};

// An argument or request that makes no sense as given.
class UsageError : public Error {
    using Error::Error;
};
// A click outside the photo, not finite, with an unknown label, or no foreground click.
class ClickError : public UsageError {
    using UsageError::UsageError;
};
// A photo without pixels, with too many, or with a wrong stride.
class ImageError : public Error {
    using Error::Error;
};
// A model or manifest that is missing, corrupt, or does not fit.
class ModelError : public Error {
    using Error::Error;
};
// An inference engine that cannot be used here, with the reason.
class BackendError : public Error {
    using Error::Error;
};
// The library of an engine is not there.
class MissingLibraryError : public BackendError {
    using BackendError::BackendError;
};
// A click that Session::cancel has stopped.
class CancelledError : public Error {
    using Error::Error;
};

// Throws what a status stands for, with the thread's last message; IOEBSS_OK is nothing.
inline void check(ioebss_status status) {
    if (status == IOEBSS_OK) {
        return;
    }
    const std::string message = ioebss_last_error();
    switch (status) {
        case IOEBSS_ERROR_USAGE:
            throw UsageError(status, message);
        case IOEBSS_ERROR_CLICK:
            throw ClickError(status, message);
        case IOEBSS_ERROR_IMAGE:
            throw ImageError(status, message);
        case IOEBSS_ERROR_MODEL:
            throw ModelError(status, message);
        case IOEBSS_ERROR_BACKEND:
            throw BackendError(status, message);
        case IOEBSS_ERROR_MISSING_LIBRARY:
            throw MissingLibraryError(status, message);
        case IOEBSS_ERROR_CANCELLED:
            throw CancelledError(status, message);
        case IOEBSS_ERROR_MEMORY:
            throw std::bad_alloc();
        default:
            throw Error(status, message);
    }
}

// -- views: nothing is owned

enum class Channels : std::int32_t {
    rgb = IOEBSS_RGB,
    bgr = IOEBSS_BGR,
    rgba = IOEBSS_RGBA,
    bgra = IOEBSS_BGRA,
    grey = IOEBSS_GREY
};

// A photo of yours, 8 bits a channel. Stride in bytes from row to row; 0: rows without gaps.
struct ImageView {
    const std::uint8_t *data = nullptr;
    std::int32_t width = 0, height = 0;
    Channels channels = Channels::rgb;
    std::int64_t stride = 0;
};

// A mask to be read: 0 off the object, anything else on it. Those that the library shows have 255.
// Stride in bytes from row to row; 0: rows without gaps.
struct MaskView {
    const std::uint8_t *data = nullptr;
    std::int32_t width = 0, height = 0;
    std::int64_t stride = 0;

    // Whether a pixel, which must be one of the mask's, is on the object.
    bool at(std::int32_t x, std::int32_t y) const {
        return data[y * (stride == 0 ? width : stride) + x] != 0;
    }
};

// A mask of yours to be written, as large as the photo: 255 on the object, 0 off it.
struct MaskBuffer {
    std::uint8_t *data = nullptr;
    std::int32_t width = 0, height = 0;
    std::int64_t stride = 0;
};

// Bytes of yours: a file's content, whatever it was kept in.
struct Bytes {
    const void *data = nullptr;
    std::size_t size = 0;
};

struct Click {
    double x = 0, y = 0;
    std::int32_t label = kForeground;
};

using Timing = ioebss_timing;  // milliseconds

// -- models and sessions

// One photo being clicked on. Made by Model::open.
class Session {
  public:
    // Adds a click. Throws ClickError: outside the photo, not finite, an unknown label, or a
    // background click before there is anything to take away from; BackendError: the engine failed.
    MaskView click(double x, double y, std::int32_t label = kForeground) {
        return shown([&] { return ioebss_session_click(get(), x, y, label, nullptr); });
    }
    void click(double x, double y, std::int32_t label, const MaskBuffer &mask) {
        const ioebss_mask own = raw(mask);
        check(ioebss_session_click(get(), x, y, label, &own));
    }

    // Takes the last click back, or sets it again, without running the network. Throws UsageError:
    // there is none.
    MaskView undo() {
        return shown([&] { return ioebss_session_undo(get(), nullptr); });
    }
    void undo(const MaskBuffer &mask) {
        const ioebss_mask own = raw(mask);
        check(ioebss_session_undo(get(), &own));
    }
    MaskView redo() {
        return shown([&] { return ioebss_session_redo(get(), nullptr); });
    }
    void redo(const MaskBuffer &mask) {
        const ioebss_mask own = raw(mask);
        check(ioebss_session_redo(get(), &own));
    }

    // Forgets all clicks; the photo stays prepared.
    void reset() { check(ioebss_session_reset(get(), nullptr)); }
    // And starts from a mask, to be corrected by clicks. Throws UsageError: it has another size
    // than the photo, or the model reads no previous mask.
    void reset(const MaskView &start) {
        const ioebss_mask_view own = raw(start);
        check(ioebss_session_reset(get(), &own));
    }

    // The mask of a set of clicks at once, written into `mask`; the session's own clicks neither
    // count nor change. With `start`, corrects that mask. Throws ClickError, UsageError,
    // BackendError.
    void predict(const std::vector<Click> &clicks, const MaskBuffer &mask,
                 const MaskView *start = nullptr) {
        std::vector<ioebss_click> table;
        table.reserve(clicks.size());
        for (const Click &click : clicks) {
            table.push_back({click.x, click.y, click.label});
        }
        const ioebss_mask own = raw(mask);
        const ioebss_mask_view from = start == nullptr ? ioebss_mask_view{} : raw(*start);
        check(ioebss_session_predict(get(), table.data(), table.size(),
                                     start == nullptr ? nullptr : &from, &own));
    }

    // The current mask. Without a click: the one given to reset, or nothing.
    MaskView mask() {
        const std::uint8_t *data = nullptr;
        check(ioebss_session_view_mask(get(), &data));
        return {data, width(), height(), 0};
    }
    void mask(const MaskBuffer &mask) {
        const ioebss_mask own = raw(mask);
        check(ioebss_session_mask(get(), &own));
    }

    // Foreground probability of each pixel, 0..1, row after row.
    std::vector<float> probability() {
        std::vector<float> values(static_cast<std::size_t>(width()) *
                                  static_cast<std::size_t>(height()));
        check(ioebss_session_probability(get(), values.data(), 0));
        return values;
    }

    // Stops click or predict, which another thread has called: it throws CancelledError, and the
    // session is as if it had not been called. Returns false where nothing runs that could be
    // stopped. The session must neither be moved nor destroyed meanwhile.
    bool cancel() const { return ioebss_session_cancel(get()) != 0; }

    std::int32_t width() const { return ioebss_session_width(get()); }
    std::int32_t height() const { return ioebss_session_height(get()); }

    // The clicks in force, in whole pixels.
    std::vector<Click> clicks() const {
        std::vector<Click> result(ioebss_session_click_count(get()));
        for (std::size_t i = 0; i < result.size(); ++i) {
            ioebss_click click{};
            check(ioebss_session_get_click(get(), i, &click));
            result[i] = {click.x, click.y, click.label};
        }
        return result;
    }
    bool can_redo() const { return ioebss_session_undone_count(get()) > 0; }

    Timing timing() const {
        Timing timing{};
        ioebss_session_get_timing(get(), &timing);
        return timing;
    }

    // For functions of ioebss.h.
    ioebss_session *get() const noexcept { return handle_.get(); }

  private:
    friend class Model;
    struct Close {
        void operator()(ioebss_session *session) const { ioebss_session_close(session); }
    };

    explicit Session(ioebss_session *handle) : handle_(handle) {}

    // A session that has shown its mask makes the next one within the step: there is memory for it
    // before the step, and it cannot fail after it.
    template <typename Step>
    MaskView shown(const Step &step) {
        mask();
        check(step());
        return mask();
    }

    static ioebss_mask raw(const MaskBuffer &mask) {
        return {mask.data, mask.width, mask.height, mask.stride};
    }
    static ioebss_mask_view raw(const MaskView &mask) {
        return {mask.data, mask.width, mask.height, mask.stride};
    }

    std::unique_ptr<ioebss_session, Close> handle_;
};

// How a model is opened.
struct Options {
    std::string backend = "auto";  // or the name of an engine
    std::string onnxruntime;       // path of ONNX Runtime's library; empty looks for it
    std::int32_t threads = 0;      // CPU threads of the network; 0 leaves it to the engine
    std::int32_t size = 0;         // longer side of the network's input in pixels; 0: recommended
    bool zoom = true;              // look at the object closely, as the manifest says
    bool flip = false;  // average with the mirrored input: a little better, twice the time
};

// A model, loaded on an engine.
class Model {
  public:
    // Throws ModelError: the model or its manifest is missing, damaged, or they do not fit each
    // other; BackendError: no engine can be used, or not the one asked for; UsageError: unknown
    // backend, or a size that the model does not take.
    explicit Model(const std::string &path, const Options &options = {}) {
        const ioebss_model_options own = raw(options);
        ioebss_model *handle = nullptr;
        check(ioebss_model_open(path.c_str(), &own, &handle));
        handle_.reset(handle);
    }

    // A model in memory: the bytes of X.onnx and of X.json, which are copied. It runs on ONNX
    // Runtime. Throws what the constructor throws.
    static Model from_memory(const Bytes &onnx, const Bytes &manifest,
                             const Options &options = {}) {
        const ioebss_model_options own = raw(options);
        ioebss_model *handle = nullptr;
        check(ioebss_model_open_memory(onnx.data, onnx.size, manifest.data, manifest.size, &own,
                                       &handle));
        return Model(handle);
    }

    // Prepares a photo for clicking. Throws ImageError.
    Session open(const ImageView &photo) const {
        const ioebss_image raw{photo.data, photo.width, photo.height, photo.stride,
                               static_cast<ioebss_channels>(photo.channels)};
        ioebss_session *session = nullptr;
        check(ioebss_session_open(get(), &raw, &session));
        return Session(session);
    }

    std::string name() const { return ioebss_model_name(get()); }
    std::string backend() const { return ioebss_model_backend(get()); }
    // A line "name: reason" for each engine that was tried before and refused, and one for the
    // engine in use where that runs another file than an ONNX file.
    std::string backend_log() const { return ioebss_model_backend_log(get()); }
    std::int32_t size() const { return ioebss_model_size(get()); }
    bool has_previous() const { return ioebss_model_has_previous(get()) != 0; }
    bool zooms() const { return ioebss_model_zooms(get()) != 0; }

    ioebss_model *get() const noexcept { return handle_.get(); }

  private:
    struct Close {
        void operator()(ioebss_model *model) const { ioebss_model_close(model); }
    };

    explicit Model(ioebss_model *handle) : handle_(handle) {}

    static ioebss_model_options raw(const Options &options) {
        ioebss_model_options raw;
        ioebss_model_options_init(&raw);
        raw.backend = options.backend.c_str();
        raw.onnxruntime = options.onnxruntime.empty() ? nullptr : options.onnxruntime.c_str();
        raw.threads = options.threads;
        raw.size = options.size;
        raw.zoom = options.zoom ? 1 : 0;
        raw.flip = options.flip ? 1 : 0;
        return raw;
    }

    std::unique_ptr<ioebss_model, Close> handle_;
};

}  // namespace ioebss
#endif
