// From a photo, its clicks and the last prediction to the next prediction (runtime/prediction.py):
// where the network looks, what it is shown, and what it answers.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "backends/backend.h"
#include "clicks.h"
#include "manifest.h"
#include "photo.h"
#include "pyramid.h"
#include "windows.h"

namespace ioebss::core {

// What the network answered.
struct Prediction {
    Window asked;    // the part of the photo that it was to see
    Window window;   // the part that it saw: `asked`, aligned to pixels of a level of the pyramid
    Logits logits;   // clicks obeyed
    double network;  // milliseconds that the network took for it
};

// What is known from before the newest click: a prediction, a mask to start from, or nothing.
struct Last {
    const Prediction *prediction = nullptr;
    const Mask *start = nullptr;

    bool nothing() const { return prediction == nullptr && start == nullptr; }
};

// How the network is asked.
struct Habits {
    std::int64_t longest;      // longer side of the network's input
    std::optional<Zoom> zoom;  // none always looks at the whole photo
    bool flip;                 // average the answers to the input and to its mirror image
};

// Predicts masks on one photo. Holds nothing of clicks: those belong to the session.
class Predictor {
  public:
    Predictor(Photo photo, const Manifest &manifest, const Backend &backend, const Habits &habits);

    std::int64_t height() const { return whole_.y1; }
    std::int64_t width() const { return whole_.x1; }

    // Without a last prediction the whole photo is looked at; then, if the object turns out to be
    // small, the object once more. With one, the object alone.
    //   clicks: all of them, in photo pixels; at least one.
    // Throws a backend error if the engine fails.
    Prediction predict(const Clicks &clicks, const Last &last);

  private:
    Window next_window(const Clicks &clicks, const Last &last) const;
    Window new_window(const std::optional<Window> &extent) const;
    std::optional<Window> extent(const Clicks &clicks, const Last &last) const;
    std::optional<Window> extent_of_mask(const Last &last) const;

    const View &view(const Window &window);
    Prediction look(const Window &asked, const Clicks &clicks, const Last &last);
    void fill_previous(const Last &last, const View &view, float *plane);
    void run(std::int64_t height, std::int64_t width, Logits &logits);

    const Manifest &manifest_;
    const Backend &backend_;
    Habits habits_;
    Pyramid pyramid_;
    Window whole_;
    View whole_view_, last_view_;    // kept from click to click
    std::vector<float> input_;       // of the network: (channels, height, width)
    std::optional<Window> painted_;  // whose colours are in it
    std::vector<float> mirrored_, probability_;
};

}  // namespace ioebss::core
