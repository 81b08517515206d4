// Photos from JPEG and PNG files, masks to PNG files, with the system's libjpeg and libpng.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Picture {
    std::int32_t width = 0, height = 0;
    std::vector<std::uint8_t> pixels;  // red, green, blue
};

// Throws std::runtime_error. The EXIF orientation of a JPEG is not looked at.
Picture read_picture(const std::string &path);

// Throws std::runtime_error. `mask`: width * height bytes.
void write_mask(const std::string &path, const std::uint8_t *mask, std::int32_t width,
                std::int32_t height);
