// The eye of every engine that takes its input from the host's memory (HostEye in runtime/eye.py).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "backends/backend.h"
#include "eye.h"
#include "manifest.h"
#include "pyramid.h"

namespace ioebss::core {

class HostEye : public Eye {
  public:
    //   longest: longer side of the network's input.
    //   flip: average the answers to the input and to its mirror image.
    //   cancellation: by which its network is stopped.
    HostEye(Photo photo, const Manifest &manifest, const Backend &backend, std::int64_t longest,
            bool flip, Cancellation &cancellation);

    std::int64_t height() const override { return whole_.y1; }
    std::int64_t width() const override { return whole_.x1; }
    Prediction look(const Window &asked, const Clicks &clicks, const Last &last) override;
    void mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) override;

  private:
    const View &view(const Window &window);
    void fill_previous(const Last &last, const View &view, float *plane);
    void run(std::int64_t height, std::int64_t width, Logits &logits);

    const Manifest &manifest_;
    const Backend &backend_;
    std::int64_t longest_;
    bool flip_;
    Cancellation &cancellation_;
    Pyramid pyramid_;
    Window whole_;
    View whole_view_;                 // kept from click to click, as
    std::array<View, 2> last_views_;  // the last two, the newest first
    std::vector<float> input_;        // of the network: (channels, height, width)
    std::optional<Window> painted_;   // whose colours are in it
    std::vector<float> mirrored_, probability_;
};

}  // namespace ioebss::core
