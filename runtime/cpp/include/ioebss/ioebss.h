/* libioebss: clicks on a photograph to the mask of the object, without Python.
 *
 * OVERVIEW
 *   A model is a pair of files, X.onnx and its manifest X.json, as ioebss-export writes them, or an
 *   engine for GPUs, X.engine and X.engine.json. It may also be in memory, so that a program can carry
 *   its model in itself. A model handle holds it, loaded on an engine. A session handle holds one
 *   photo, the clicks on it and what the network answered. The masks are those of `import ioebss`, to
 *   the pixel, where both run the same ONNX Runtime.
 *
 * BASIC USE (C; for C++ see ioebss.hpp, which adds RAII, views and exceptions)
 *   ioebss_model *model = NULL;
 *   ioebss_session *session = NULL;
 *   ioebss_image photo = {pixels, width, height, 0, IOEBSS_RGB};
 *   ioebss_mask mask = {buffer, width, height, 0};         // buffer: width * height bytes of yours
 *   if (ioebss_model_open("default.onnx", NULL, &model) != IOEBSS_OK ||
 *       ioebss_session_open(model, &photo, &session) != IOEBSS_OK ||
 *       ioebss_session_click(session, 320, 240, 1, &mask) != IOEBSS_OK ||   // on the object
 *       ioebss_session_click(session, 40, 60, 0, &mask) != IOEBSS_OK) {     // off it
 *       fprintf(stderr, "%s\n", ioebss_last_error());
 *   }
 *   ioebss_session_close(session);
 *   ioebss_model_close(model);
 *
 *   Coordinates are (x, y) in pixels of the photo, from the top left; fractions are cut off. Label 1
 *   is foreground, 0 background. A mask is one byte a pixel, 255 on the object and 0 off it.
 *
 * ERRORS
 *   Every function that can fail returns an ioebss_status. After a failure ioebss_last_error() says
 *   in words what to do; the text belongs to the calling thread and lives until its next failure.
 *   Functions without a status take no NULL but for closing.
 *   What was to be made is set to NULL; a session whose click is refused or whose engine fails is as it
 *   was before.
 *
 * ENGINES AND THE GPU
 *   Engines are tried in this order: "tensorrt", "tensorrt-rtx", "onnxruntime-cuda",
 *   "onnxruntime-cpu". ioebss_model_backend() names the one in use, ioebss_model_backend_log() says
 *   why those before it were refused. An engine asked for by name is never replaced by another.
 *   The first two run engines that ioebss-export --engine has built: X.tensorrt.engine or
 *   X.tensorrt-rtx.engine beside X.onnx, or the engine that is named. They are in libraries that were
 *   built where NvInfer.h was found; their own libraries are loaded when such a model is opened.
 *   ONNX Runtime is loaded when the first model is opened, from: `onnxruntime` of the options; else
 *   the environment variable IOEBSS_ONNXRUNTIME; else a libonnxruntime.so.1 beside libioebss; else
 *   where the dynamic loader finds libonnxruntime.so.1. For CUDA it must be a build with the CUDA
 *   provider.
 *
 * THREADS
 *   The library has no global state but the last error of each thread. A model may be used by many
 *   threads at once: open sessions of it wherever you like. A session belongs to one thread at a time;
 *   ioebss_session_cancel alone may be called by another one meanwhile.
 *
 * OWNERSHIP
 *   What you pass is copied before the function returns: photos, masks, paths, options may go away.
 *   Handles that you open are yours to close; NULL may be closed. A session keeps what it needs of its
 *   model, so handles may be closed in any order. Text that a model returns lives as long as it.
 *   A session takes 4 bytes for each pixel of the photo, one more for ioebss_session_view_mask and one
 *   for a mask to start from; and for each click 4 bytes for each pixel of the network's input: 0.4 MB
 *   at 320x320, at most 1000 clicks.
 */
#ifndef IOEBSS_IOEBSS_H
#define IOEBSS_IOEBSS_H

#include <stddef.h>
#include <stdint.h>

#define IOEBSS_VERSION_MAJOR 0
#define IOEBSS_VERSION_MINOR 1
#define IOEBSS_VERSION_PATCH 0
#define IOEBSS_VERSION_STRING "0.1.0"

#if defined(__GNUC__)
#define IOEBSS_API __attribute__((visibility("default")))
#define IOEBSS_CHECKED __attribute__((warn_unused_result))
#else
#define IOEBSS_API
#define IOEBSS_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Most pixels of a photo, most clicks on one. */
#define IOEBSS_MAX_PIXELS 120000000
#define IOEBSS_MAX_CLICKS 1000

/* What came of a call. The values stay the same in later versions; there may be more of them. */
typedef int32_t ioebss_status;
enum {
    IOEBSS_OK = 0,
    IOEBSS_ERROR_USAGE = 1,   /* an argument or request that makes no sense as given */
    IOEBSS_ERROR_CLICK = 2,   /* outside the photo, not finite, unknown label, none foreground */
    IOEBSS_ERROR_IMAGE = 3,   /* a photo without pixels, with too many, or with a wrong stride */
    IOEBSS_ERROR_MODEL = 4,   /* a model or manifest that is missing, damaged, or does not fit */
    IOEBSS_ERROR_BACKEND = 5, /* an engine that cannot be used here, or that failed */
    IOEBSS_ERROR_MISSING_LIBRARY = 6, /* the library of an engine is not there; also a BACKEND error */
    IOEBSS_ERROR_MEMORY = 7,          /* there is not enough memory */
    IOEBSS_ERROR_INTERNAL = 8,        /* a fault of the library; please report it */
    IOEBSS_ERROR_CANCELLED = 9        /* a click that ioebss_session_cancel has stopped */
};

/* The version of the library that is running: 10000 major + 100 minor + patch. */
IOEBSS_API int32_t ioebss_version(void);

/* What the calling thread's last failure was, in words; "" without one. Never NULL. */
IOEBSS_API const char *ioebss_last_error(void);

/* -- images ---------------------------------------------------------------------------------- */

/* Order of the 8-bit channels of a pixel. Transparency is dropped; grey counts for all colours. */
typedef int32_t ioebss_channels;
enum { IOEBSS_RGB = 0, IOEBSS_BGR = 1, IOEBSS_RGBA = 2, IOEBSS_BGRA = 3, IOEBSS_GREY = 4 };

/* A photo of yours. Row y begins `stride` bytes after row y - 1; 0 stands for rows without gaps. */
typedef struct ioebss_image {
    const uint8_t *data;
    int32_t width, height; /* in pixels */
    int64_t stride;        /* in bytes, at least one row's */
    ioebss_channels channels;
} ioebss_image;

/* A mask of yours to be written, as large as the photo: 255 on the object, 0 off it. */
typedef struct ioebss_mask {
    uint8_t *data;
    int32_t width, height; /* in pixels */
    int64_t stride;        /* in bytes; 0 stands for width */
} ioebss_mask;

/* A mask of yours to be read, as large as the photo: 0 off the object, anything else on it. */
typedef struct ioebss_mask_view {
    const uint8_t *data;
    int32_t width, height;
    int64_t stride;
} ioebss_mask_view;

/* -- models ---------------------------------------------------------------------------------- */

typedef struct ioebss_model ioebss_model;

/* How a model is opened. Begin with ioebss_model_options_init, then change what you want. */
typedef struct ioebss_model_options {
    uint32_t struct_size;    /* sizeof(ioebss_model_options): set by the init function */
    const char *backend;     /* "auto" or the name of an engine; NULL is "auto" */
    const char *onnxruntime; /* path of ONNX Runtime's library; NULL looks for it, see above */
    int32_t threads;         /* CPU threads of the network, to 9999; 0 leaves it to the engine: all
                                cores. No environment variable is read for it */
    int32_t size;            /* longer side of the network's input in pixels; 0 is recommended */
    int32_t zoom;            /* 1 (default): look at the object closely, as the manifest says */
    int32_t flip;            /* 1: average with the mirrored input; 0 is the default */
} ioebss_model_options;

IOEBSS_API void ioebss_model_options_init(ioebss_model_options *options);

/* Loads a model.
 *   path: of X.onnx; X.json must lie beside it.
 *   options: NULL takes the defaults.
 * Errors: MODEL; BACKEND or MISSING_LIBRARY: no engine can be used, or not the one asked for;
 * USAGE: unknown backend, a size that the model does not take, a number of threads out of range. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_model_open(const char *path,
                                                          const ioebss_model_options *options,
                                                          ioebss_model **model);
/* The same of a model in memory: of the bytes of X.onnx and of X.json, from wherever you have them.
 * They are checked as files are, and copied: they may go away when the function has returned. There is
 * nothing beside such a model, nor weights in other files: it runs on ONNX Runtime, and engines of
 * TensorRT are files.
 *   onnx: onnx_size bytes, at most 2 GiB. manifest: manifest_size bytes, at most 1 MiB.
 * Errors: as of ioebss_model_open. */
IOEBSS_API IOEBSS_CHECKED ioebss_status
ioebss_model_open_memory(const void *onnx, size_t onnx_size, const void *manifest,
                         size_t manifest_size, const ioebss_model_options *options,
                         ioebss_model **model);
IOEBSS_API void ioebss_model_close(ioebss_model *model);

/* Name in the manifest. */
IOEBSS_API const char *ioebss_model_name(const ioebss_model *model);
/* The engine in use: "onnxruntime-cpu" for example. */
IOEBSS_API const char *ioebss_model_backend(const ioebss_model *model);
/* Why engines before it were refused: a line "name: reason" each, and one for the engine in use where
 * that runs another file than an ONNX file; "" if there is nothing to say. */
IOEBSS_API const char *ioebss_model_backend_log(const ioebss_model *model);
/* The longer side of the network's input, in pixels. */
IOEBSS_API int32_t ioebss_model_size(const ioebss_model *model);
/* 1 if the model reads the previous mask (and so can start from a mask of yours), else 0. */
IOEBSS_API int32_t ioebss_model_has_previous(const ioebss_model *model);
/* 1 if it zooms in on the object, else 0. */
IOEBSS_API int32_t ioebss_model_zooms(const ioebss_model *model);

/* -- sessions -------------------------------------------------------------------------------- */

typedef struct ioebss_session ioebss_session;

typedef struct ioebss_click {
    double x, y;   /* pixels of the photo */
    int32_t label; /* 1 foreground, 0 background */
} ioebss_click;

/* Milliseconds: of preparing the photo, once; and of the last click: the network's input, the
 * network, the mask. */
typedef struct ioebss_timing {
    double prepare, input, network, mask;
} ioebss_timing;

/* Prepares a photo for clicking. The pixels are copied.
 * Errors: IMAGE; MEMORY. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_open(const ioebss_model *model,
                                                            const ioebss_image *photo,
                                                            ioebss_session **session);
IOEBSS_API void ioebss_session_close(ioebss_session *session);

/* Wherever a function takes `mask`, the new mask is written there. With NULL none is made, and
 * ioebss_session_mask or ioebss_session_view_mask gives it later; but a session that has shown its
 * own mask once (ioebss_session_view_mask) makes that as part of the call, so that it costs nothing
 * later and cannot fail then. USAGE: it has another size than the photo, or its stride is shorter
 * than a row; nothing has happened then. */

/* Adds a click. Every click is obeyed: its pixel is on the side that it says.
 * Errors: CLICK: outside the photo, not finite, an unknown label, a background click before there
 * is anything to take away from, or too many; BACKEND: the engine failed. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_click(ioebss_session *session, double x,
                                                             double y, int32_t label,
                                                             const ioebss_mask *mask);
/* Takes the last click back, without running the network. USAGE: there is none. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_undo(ioebss_session *session,
                                                            const ioebss_mask *mask);
/* Sets the click that was last undone again, without running the network. USAGE: nothing was
 * undone since the last click. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_redo(ioebss_session *session,
                                                            const ioebss_mask *mask);
/* Forgets all clicks; the photo stays prepared. With `start`, begins with that mask, to be corrected
 * by clicks. USAGE: it has another size, or the model reads no previous mask. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_reset(ioebss_session *session,
                                                             const ioebss_mask_view *start);
/* The mask of a set of clicks at once. The session's own clicks neither count nor change.
 *   start: a mask to correct, or NULL; then at least one click must be foreground.
 *   mask: where it is written, not NULL.
 * Errors: CLICK; USAGE; BACKEND. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_predict(ioebss_session *session,
                                                               const ioebss_click *clicks,
                                                               size_t count,
                                                               const ioebss_mask_view *start,
                                                               const ioebss_mask *mask);

/* Writes the current mask. Without a click: the mask given to reset, or nothing. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_mask(ioebss_session *session,
                                                            const ioebss_mask *mask);
/* The current mask in memory of the session, rows without gaps, valid until the next call with this
 * session that is not a question for its size, clicks or timing. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_view_mask(ioebss_session *session,
                                                                 const uint8_t **data);
/* Writes the foreground probability of each pixel, 0..1.
 *   data: as many floats as the photo has pixels.
 *   stride: bytes from row to row, a multiple of 4; 0 stands for rows without gaps. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_probability(ioebss_session *session,
                                                                   float *data, int64_t stride);

/* Stops ioebss_session_click or ioebss_session_predict, which another thread has called: it returns
 * CANCELLED, and the session is as if it had not been called. ONNX Runtime stops between two layers,
 * mostly after a few milliseconds; a network of TensorRT goes on to its end, and its answer is dropped.
 * The session must not be closed meanwhile.
 * Returns 1: so it will be; 0: nothing runs that could be stopped, it has not begun or is done. */
IOEBSS_API int32_t ioebss_session_cancel(ioebss_session *session);

IOEBSS_API int32_t ioebss_session_width(const ioebss_session *session);
IOEBSS_API int32_t ioebss_session_height(const ioebss_session *session);
/* How many clicks are in force, and how many can be set again by redo. */
IOEBSS_API size_t ioebss_session_click_count(const ioebss_session *session);
IOEBSS_API size_t ioebss_session_undone_count(const ioebss_session *session);
/* Click number `index` of those in force, in whole pixels. USAGE: there are not so many. */
IOEBSS_API IOEBSS_CHECKED ioebss_status ioebss_session_get_click(const ioebss_session *session,
                                                                 size_t index, ioebss_click *click);
IOEBSS_API void ioebss_session_get_timing(const ioebss_session *session, ioebss_timing *timing);

#ifdef __cplusplus
}
#endif
#endif
