#include "pictures.h"

#include <cstdio>
// libjpeg's header needs FILE to be known.
#include <jpeglib.h>
#include <png.h>

#include <array>
#include <csetjmp>
#include <memory>
#include <stdexcept>

namespace {

constexpr std::int64_t kMaxPixels = 120'000'000;

struct CloseFile {
    void operator()(std::FILE *file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

void check_size(const std::string &path, std::int64_t width, std::int64_t height) {
    if (width * height > kMaxPixels) {
        throw std::runtime_error(path + " has more than 120 megapixels");
    }
}

// libjpeg reports errors by a function that must not return.
struct JpegErrors {
    jpeg_error_mgr manager;
    std::jmp_buf jump;
    std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void jpeg_failed(j_common_ptr info) {
    auto *errors = reinterpret_cast<JpegErrors *>(info->err);
    info->err->format_message(info, errors->message.data());
    std::longjmp(errors->jump, 1);
}

Picture read_jpeg(const std::string &path, std::FILE *file) {
    Picture picture;
    jpeg_decompress_struct info{};
    JpegErrors errors{};
    info.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = jpeg_failed;
    if (setjmp(errors.jump) != 0) {
        jpeg_destroy_decompress(&info);
        throw std::runtime_error(path + " cannot be decoded: " + errors.message.data());
    }
    jpeg_create_decompress(&info);
    jpeg_stdio_src(&info, file);
    jpeg_read_header(&info, TRUE);
    if (std::int64_t{info.image_width} * info.image_height > kMaxPixels) {
        jpeg_destroy_decompress(&info);
        check_size(path, kMaxPixels, 2);
    }
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    picture.width = static_cast<std::int32_t>(info.output_width);
    picture.height = static_cast<std::int32_t>(info.output_height);
    picture.pixels.resize(std::size_t{3} * info.output_width * info.output_height);
    while (info.output_scanline < info.output_height) {
        JSAMPROW row =
            picture.pixels.data() + std::size_t{3} * info.output_width * info.output_scanline;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return picture;
}

Picture read_png(const std::string &path) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_file(&image, path.c_str()) == 0) {
        throw std::runtime_error(path + " cannot be read: " + image.message);
    }
    const std::unique_ptr<png_image, decltype(&png_image_free)> freed(&image, png_image_free);
    check_size(path, image.width, image.height);
    image.format = PNG_FORMAT_RGB;
    Picture picture{
        static_cast<std::int32_t>(image.width), static_cast<std::int32_t>(image.height), {}};
    picture.pixels.resize(PNG_IMAGE_SIZE(image));
    if (png_image_finish_read(&image, nullptr, picture.pixels.data(), 0, nullptr) == 0) {
        throw std::runtime_error(path + " cannot be decoded: " + image.message);
    }
    return picture;
}

}  // namespace

Picture read_picture(const std::string &path) {
    const File file(std::fopen(path.c_str(), "rb"));
    if (file == nullptr) {
        throw std::runtime_error(path + " cannot be opened");
    }
    const int first = std::fgetc(file.get());
    std::rewind(file.get());
    return first == 0xFF ? read_jpeg(path, file.get()) : read_png(path);
}

void write_mask(const std::string &path, const std::uint8_t *mask, std::int32_t width,
                std::int32_t height) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width);
    image.height = static_cast<png_uint_32>(height);
    image.format = PNG_FORMAT_GRAY;
    if (png_image_write_to_file(&image, path.c_str(), 0, mask, 0, nullptr) == 0) {
        throw std::runtime_error(path + " cannot be written: " + image.message);
    }
}
