// From a photo, its clicks and the last prediction to the next prediction (runtime/prediction.py):
// where the network looks. What it is shown there, and what it answers, is the eye's.
#pragma once

#include <memory>
#include <optional>

#include "clicks.h"
#include "eye.h"
#include "windows.h"

namespace ioebss::core {

// Predicts masks on one photo. Holds nothing of clicks: those belong to the session.
class Predictor {
  public:
    //   zoom: none always looks at the whole photo.
    Predictor(std::unique_ptr<Eye> eye, const std::optional<Zoom> &zoom);

    std::int64_t height() const { return whole_.y1; }
    std::int64_t width() const { return whole_.x1; }

    // Without a last prediction the whole photo is looked at, and where the network is unsure of
    // what it sees there the click's surroundings; then, if the object turns out to be small, or
    // was found in those, the object once more. With one, the object alone, and after some clicks
    // the surroundings of the newest once more.
    //   clicks: all of them, in photo pixels; at least one.
    //   given: more than the clicks says what belongs to the object: no part of the mask is an
    //   island, what was predicted is not forgotten, and there is no second opinion.
    // Throws a backend error if the engine fails.
    Prediction predict(const Clicks &clicks, const Last &last, bool given);

    // Writes the mask of a prediction. Throws a backend error if the engine fails.
    void mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) {
        eye_->mask(prediction, rows);
    }

  private:
    Prediction found(const Clicks &clicks, bool given);
    Prediction later(const Clicks &clicks, const Last &last, bool given);
    bool is_forgotten(const Clicks &clicks, const Last &last) const;
    Prediction cleared(const Clicks &clicks, Prediction answer, bool given) const;
    Window next_window(const Clicks &clicks, const Last &last) const;
    Window new_window(const std::optional<Window> &extent) const;
    std::optional<Window> extent(const Clicks &clicks, const Last &last) const;
    std::optional<Window> extent_of_mask(const Last &last) const;

    std::unique_ptr<Eye> eye_;
    std::optional<Zoom> zoom_;
    Window whole_;
};

}  // namespace ioebss::core
