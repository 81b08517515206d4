// One photo being clicked on (runtime/session.py).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cancellation.h"
#include "clicks.h"
#include "model.h"
#include "photo.h"
#include "prediction.h"

namespace ioebss::core {

class Session {
  public:
    // Throws an image error; see photo_of.
    Session(std::shared_ptr<const Model> model, const ioebss_image *photo);

    std::int64_t height() const { return predictor_.height(); }
    std::int64_t width() const { return predictor_.width(); }
    const ioebss_timing &timing() const { return timing_; }
    std::size_t click_count() const { return steps_.size(); }
    std::size_t undone_count() const { return undone_.size(); }
    // Throws a usage error if there are not so many.
    const Click &click_at(std::size_t index) const;

    // These three write the new mask too: to `rows`; without data there, to the session's own mask
    // once that has been shown; else nowhere. The session stays as it was where they throw.
    // Adds a click. Throws a click error, a backend error or a cancelled error.
    void click(double x, double y, std::int32_t label, const Rows<std::uint8_t> &rows = {});
    // Without running the network. Throw a usage error if there is nothing to undo or redo.
    void undo(const Rows<std::uint8_t> &rows = {});
    void redo(const Rows<std::uint8_t> &rows = {});
    // Forgets all clicks. Throws a usage error: the mask does not fit, the model takes none.
    void reset(const ioebss_mask_view *start);

    // Writes the current mask.
    void mask(const Rows<std::uint8_t> &rows);
    // The current mask, valid until it changes.
    const std::uint8_t *view_mask();
    // Foreground probability of each pixel.
    void probability(const Rows<float> &rows) const;
    // The mask of a set of clicks at once; the session's own neither count nor change. Throws a
    // click error, a usage error, a backend error, a cancelled error.
    void predict(const ioebss_click *clicks, std::size_t count, const ioebss_mask_view *start,
                 const Rows<std::uint8_t> &rows);

    // Has click or predict, which runs in another thread, throw a cancelled error; the session
    // stays as it was. Whether one ran that it was not too late for.
    bool cancel() { return cancellation_.request(); }

  private:
    // A click and the prediction after it.
    struct Step {
        Click click;
        Prediction prediction;
    };

    // The first `count` clicks, with room for one more.
    Clicks clicks(std::size_t count) const;
    // From the predictor, unless that is cancelled.
    Prediction predicted(const Clicks &clicks, const Last &last, bool given);
    Mask checked_start(const ioebss_mask_view &start) const;
    // Where the mask of a step is to be written, see click. The own mask is not current until
    // the step is done.
    Rows<std::uint8_t> begin_step(const Rows<std::uint8_t> &rows);
    void end_step(const Rows<std::uint8_t> &written);
    // Writes the mask after these clicks, or the one before any where there is no prediction;
    // milliseconds that it took. Without data in `rows` nothing is done.
    double write_mask(const Prediction *prediction, const Clicks &clicks,
                      const Rows<std::uint8_t> &rows);
    void write_start(const Rows<std::uint8_t> &rows) const;

    std::shared_ptr<const Model> model_;
    ioebss_timing timing_{};
    Cancellation cancellation_;
    Predictor predictor_;
    std::optional<Mask> start_;
    std::vector<Step> steps_, undone_;
    Mask own_mask_;  // what view_mask shows, made when it is first asked for
    bool own_mask_is_current_ = false;
};

}  // namespace ioebss::core
