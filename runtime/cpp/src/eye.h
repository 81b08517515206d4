// Looking at a part of a photo (runtime/eye.py): what the network is shown, what it answers, and
// the mask of that. Where to look is the predictor's.
#pragma once

#include <cstdint>
#include <memory>

#include "clicks.h"
#include "photo.h"
#include "windows.h"

namespace ioebss::core {

// What the network answered.
struct Prediction {
    Window asked;   // the part of the photo that it was to see
    Window window;  // the part that it saw: `asked`, aligned to pixels of a level of the pyramid
    // Clicks obeyed. They do not change any more, and who holds them can tell them from others.
    std::shared_ptr<const Logits> logits;
    double network;  // milliseconds that the network took; on a GPU, with all that is done there
};

// What is known from before the newest click: a prediction, a mask to start from, or nothing.
struct Last {
    const Prediction *prediction = nullptr;
    const Mask *start = nullptr;

    bool nothing() const { return prediction == nullptr && start == nullptr; }
};

// Looks at one photo with one network. It belongs to one thread at a time.
class Eye {
  public:
    Eye() = default;
    Eye(const Eye &) = delete;
    Eye &operator=(const Eye &) = delete;
    virtual ~Eye() = default;

    // Of the photo, in pixels.
    virtual std::int64_t height() const = 0;
    virtual std::int64_t width() const = 0;

    // Shows the network a part of the photo, once.
    //   clicks: all of them, in photo pixels; in order.
    //   last: what the previous mask is made from.
    // Throws a backend error if the engine fails.
    virtual Prediction look(const Window &asked, const Clicks &clicks, const Last &last) = 0;

    // Writes the mask of an answer of this eye, in the photo's resolution. Throws a backend error.
    virtual void mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) = 0;
};

// Clicks on the photo as ones in the network's resolution, seen in a window.
Clicks to_cells(const Clicks &clicks, const Window &window, std::int64_t height,
                std::int64_t width);

}  // namespace ioebss::core
