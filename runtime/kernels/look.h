// Everything that varies from one look at a photo to the next. It lies in device memory and the
// kernels take nothing but its address, so that one captured CUDA graph serves every click of one
// input size. runtime/kernels/look.py mirrors it; a test compares the two.
#pragma once

#include <cstdint>

namespace ioebss {

struct Box {  // columns x0 to x1 - 1, rows y0 to y1 - 1
    std::int32_t x0, y0, x1, y1;
};

// Where the previous mask comes from.
enum Previous : std::int32_t { kNothing = 0, kLogits = 1, kMask = 2 };

struct Place {  // of a row or column of the photo among the logits
    std::int32_t before;
    float weight;
};

struct Look {
    // The photo, or a level of its pyramid: uint8, `photo_pitch` RGB pixels a row.
    const std::uint8_t *photo;
    std::int64_t photo_pitch;
    Box region;  // of the level, all of it within the level
    // The next level, written by halve: half of the level's `level_height` x `level_width`, up.
    std::uint8_t *halved;
    std::int32_t level_height, level_width;

    // The network's input, float32 (channels, height, width), and its answer (height, width).
    float *input;
    float *logits;
    std::int32_t channels, height, width;
    Box window;  // that it shows, in photo pixels; may reach over the right and lower border

    // What is to be done: 1 or 0.
    std::int32_t repaint;  // the colours: the window is another one
    std::int32_t clear;    // the planes, before discs are drawn

    // Clicks in network pixels, int32 (n, 3): x, y, label. Discs of cells first_drawn to cells - 1
    // are drawn; before that those of the erased ones are taken away.
    const std::int32_t *cells;
    const std::int32_t *erased_cells;
    std::int32_t first_drawn, cell_count, erased_count, radius;

    // The previous mask: logits of another look and their window, or a mask of the whole photo.
    std::int32_t previous;  // a Previous
    std::int32_t last_height, last_width;
    Box last_window;
    const float *last_logits;
    const std::uint8_t *start_mask;

    // The mask of the photo, uint8 (photo_height, photo_width), and where its rows and columns lie.
    std::uint8_t *mask;
    Place *rows;
    Place *columns;
    std::int32_t photo_height, photo_width;
};

}  // namespace ioebss
