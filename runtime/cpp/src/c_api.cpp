// The C ABI: arguments checked, work done by the C++ parts, exceptions turned into statuses.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "clicks.h"
#include "error.h"
#include "guard.h"
#include "ioebss/ioebss.h"
#include "model.h"
#include "photo.h"
#include "session.h"

using ioebss::core::guarded;
using ioebss::core::usage_error;
namespace core = ioebss::core;
using Rows = core::Rows<std::uint8_t>;

struct ioebss_model {
    std::shared_ptr<const core::Model> model;
};

struct ioebss_session {
    core::Session session;
};

namespace {

// Where a new handle goes: NULL until there is one.
template <typename Handle>
Handle *&cleared(Handle **handle, const char *name) {
    if (handle == nullptr) {
        throw usage_error(std::string(name) + " must not be NULL");
    }
    *handle = nullptr;
    return *handle;
}

// The session, or a usage error.
core::Session &session_of(ioebss_session *handle) {
    if (handle == nullptr) {
        throw usage_error("session is NULL; open one first");
    }
    return handle->session;
}

// Where a new mask goes, checked before anything happens; without data none is wanted.
Rows rows_of(const core::Session &session, const ioebss_mask *mask) {
    if (mask == nullptr) {
        return {nullptr, 0};
    }
    return core::rows_of(*mask, session.height(), session.width());
}

// Lets `change` change the session and write the new mask where one is wanted.
template <typename Change>
ioebss_status changed(ioebss_session *handle, const ioebss_mask *mask,
                      const Change &change) noexcept {
    return guarded([&] {
        core::Session &session = session_of(handle);
        change(session, rows_of(session, mask));
    });
}

// Options of a caller who was built with another version: what it does not know stays as it is.
ioebss_model_options complete(const ioebss_model_options *options) {
    ioebss_model_options all;
    ioebss_model_options_init(&all);
    if (options != nullptr) {
        if (options->struct_size < sizeof options->struct_size) {
            throw usage_error("options.struct_size is 0; call ioebss_model_options_init first");
        }
        const std::size_t known = std::min<std::size_t>(options->struct_size, sizeof all);
        std::memcpy(&all, options, known);
        all.struct_size = sizeof all;
    }
    return all;
}

core::ModelOptions options_of(const ioebss_model_options *options) {
    const ioebss_model_options all = complete(options);
    core::ModelOptions result;
    result.backend = all.backend == nullptr ? core::kAuto : all.backend;
    result.engine.onnxruntime = all.onnxruntime == nullptr ? "" : all.onnxruntime;
    result.engine.threads = all.threads;
    result.size = all.size;
    result.zoom = all.zoom != 0;
    result.flip = all.flip != 0;
    return result;
}

}  // namespace

int32_t ioebss_version(void) {
    return 10000 * IOEBSS_VERSION_MAJOR + 100 * IOEBSS_VERSION_MINOR + IOEBSS_VERSION_PATCH;
}

const char *ioebss_last_error(void) { return core::last_error().c_str(); }

// -- models

void ioebss_model_options_init(ioebss_model_options *options) {
    *options = {};
    options->struct_size = sizeof *options;
    options->zoom = 1;
}

ioebss_status ioebss_model_open(const char *path, const ioebss_model_options *options,
                                ioebss_model **model) {
    return guarded([&] {
        ioebss_model *&made = cleared(model, "model");
        if (path == nullptr) {
            throw usage_error("path must not be NULL");
        }
        made = new ioebss_model{core::open_model({path}, options_of(options))};
    });
}

ioebss_status ioebss_model_open_memory(const void *onnx, size_t onnx_size, const void *manifest,
                                       size_t manifest_size, const ioebss_model_options *options,
                                       ioebss_model **model) {
    return guarded([&] {
        ioebss_model *&made = cleared(model, "model");
        if (onnx == nullptr || manifest == nullptr) {
            throw usage_error("onnx and manifest must not be NULL");
        }
        const core::Source source =
            core::in_memory({static_cast<const char *>(onnx), onnx_size},
                            {static_cast<const char *>(manifest), manifest_size});
        made = new ioebss_model{core::open_model(source, options_of(options))};
    });
}

void ioebss_model_close(ioebss_model *model) { delete model; }

const char *ioebss_model_name(const ioebss_model *model) {
    return model->model->manifest().name.c_str();
}

const char *ioebss_model_backend(const ioebss_model *model) {
    return model->model->choice.name.c_str();
}

const char *ioebss_model_backend_log(const ioebss_model *model) {
    return model->model->choice.log.c_str();
}

int32_t ioebss_model_size(const ioebss_model *model) {
    return static_cast<int32_t>(model->model->habits.longest);
}

int32_t ioebss_model_has_previous(const ioebss_model *model) {
    return model->model->manifest().has_previous() ? 1 : 0;
}

int32_t ioebss_model_zooms(const ioebss_model *model) { return model->model->habits.zoom ? 1 : 0; }

// -- sessions

ioebss_status ioebss_session_open(const ioebss_model *model, const ioebss_image *photo,
                                  ioebss_session **session) {
    return guarded([&] {
        ioebss_session *&made = cleared(session, "session");
        if (model == nullptr) {
            throw usage_error("model must not be NULL");
        }
        made = new ioebss_session{core::Session(model->model, photo)};
    });
}

void ioebss_session_close(ioebss_session *session) { delete session; }

ioebss_status ioebss_session_click(ioebss_session *session, double x, double y, int32_t label,
                                   const ioebss_mask *mask) {
    return changed(session, mask,
                   [&](core::Session &own, const Rows &rows) { own.click(x, y, label, rows); });
}

ioebss_status ioebss_session_undo(ioebss_session *session, const ioebss_mask *mask) {
    return changed(session, mask, [](core::Session &own, const Rows &rows) { own.undo(rows); });
}

ioebss_status ioebss_session_redo(ioebss_session *session, const ioebss_mask *mask) {
    return changed(session, mask, [](core::Session &own, const Rows &rows) { own.redo(rows); });
}

ioebss_status ioebss_session_reset(ioebss_session *session, const ioebss_mask_view *start) {
    return guarded([&] { session_of(session).reset(start); });
}

ioebss_status ioebss_session_predict(ioebss_session *session, const ioebss_click *clicks,
                                     size_t count, const ioebss_mask_view *start,
                                     const ioebss_mask *mask) {
    return guarded([&] {
        core::Session &own = session_of(session);
        if (mask == nullptr || (clicks == nullptr && count > 0)) {
            throw usage_error("clicks and mask must not be NULL");
        }
        own.predict(clicks, count, start, rows_of(own, mask));
    });
}

ioebss_status ioebss_session_mask(ioebss_session *session, const ioebss_mask *mask) {
    return guarded([&] {
        core::Session &own = session_of(session);
        if (mask == nullptr) {
            throw usage_error("mask must not be NULL");
        }
        own.mask(rows_of(own, mask));
    });
}

ioebss_status ioebss_session_view_mask(ioebss_session *session, const uint8_t **data) {
    return guarded([&] {
        core::Session &own = session_of(session);
        if (data == nullptr) {
            throw usage_error("data must not be NULL");
        }
        *data = nullptr;
        *data = own.view_mask();
    });
}

ioebss_status ioebss_session_probability(ioebss_session *session, float *data, int64_t stride) {
    return guarded([&] {
        core::Session &own = session_of(session);
        own.probability(core::rows_of(data, stride, own.height(), own.width()));
    });
}

int32_t ioebss_session_cancel(ioebss_session *session) { return session->session.cancel() ? 1 : 0; }

int32_t ioebss_session_width(const ioebss_session *session) {
    return static_cast<int32_t>(session->session.width());
}

int32_t ioebss_session_height(const ioebss_session *session) {
    return static_cast<int32_t>(session->session.height());
}

size_t ioebss_session_click_count(const ioebss_session *session) {
    return session->session.click_count();
}

size_t ioebss_session_undone_count(const ioebss_session *session) {
    return session->session.undone_count();
}

ioebss_status ioebss_session_get_click(const ioebss_session *session, size_t index,
                                       ioebss_click *click) {
    return guarded([&] {
        if (session == nullptr || click == nullptr) {
            throw usage_error("session and click must not be NULL");
        }
        const core::Click &own = session->session.click_at(index);
        *click = {static_cast<double>(own.x), static_cast<double>(own.y), own.label};
    });
}

void ioebss_session_get_timing(const ioebss_session *session, ioebss_timing *timing) {
    *timing = session->session.timing();
}
