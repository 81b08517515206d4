// The eye of a GPU (runtime/gpu/eye.py): the photo goes there once, then clicks go there, and the
// mask and the small logits come back. All arithmetic is that of HostEye, bit for bit.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "eye.h"
#include "gpu/driver.h"
#include "gpu/execution.h"
#include "gpu/kernels.h"
#include "gpu/levels.h"
#include "gpu/recording.h"
#include "look.h"
#include "manifest.h"

namespace ioebss::core {

// What it holds on the GPU is given back with it, and on errors while it is made.
class DeviceEye : public Eye {
  public:
    //   photo: may go when this returns.
    //   execution: of the network.
    //   longest: longer side of the network's input.
    // Throws a backend error: there is no memory left on the GPU, or the driver failed.
    DeviceEye(const Photo &photo, const Manifest &manifest, const Driver &driver,
              const Kernels &kernels, std::unique_ptr<Execution> execution, std::int64_t longest);

    std::int64_t height() const override { return height_; }
    std::int64_t width() const override { return width_; }
    Prediction look(const Window &asked, const Clicks &clicks, const Last &last) override;
    void mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) override;

  private:
    struct Cell {  // a click in network pixels, as kernels read it
        std::int32_t x, y, label;
    };
    // What a look is told, copied to the GPU in one piece.
    struct Parameters {
        Look look;
        std::array<Cell, kMaxClicks> cells, erased;
    };
    // What the network's input shows.
    struct Shown {
        int level;
        Window window;
        std::int64_t height, width;
    };

    void place_parameters();
    void working(const std::function<void()> &work);
    void forget();
    void hold(const Prediction &prediction);
    void show(const Shown &shown);
    void set_cells(const Clicks &cells);
    void set_previous(const Last &last);
    void enqueue_look(std::int64_t height, std::int64_t width);
    void enqueue_mask();
    void upload_parameters();
    void launch(Kernel kernel, std::int64_t count);
    Parameters &parameters() { return *static_cast<Parameters *>(pinned_.get()); }
    Look &look() { return parameters().look; }

    const Manifest &manifest_;
    std::int64_t height_, width_, longest_;
    const Driver &driver_;
    const Kernels &kernels_;
    std::int64_t largest_;  // pixels of the largest input that there can be
    std::unique_ptr<Execution> execution_;
    Stream stream_;
    DeviceMemory device_parameters_, input_, logits_, mask_, rows_, columns_, start_mask_;
    PinnedMemory pinned_, pinned_logits_, pinned_mask_;
    std::optional<DeviceLevels> levels_;
    Recording looking_, masking_;

    std::optional<Shown> shown_;
    Clicks drawn_;                        // whose discs are in the input
    std::shared_ptr<const Logits> held_;  // these lie on the GPU, the newest made or copied there
};

}  // namespace ioebss::core
