// A photo and clicks on the command line, the mask as a PNG:
//   click_to_mask MODEL.onnx PHOTO MASK.png X,Y[,LABEL] ...
// Label 1 (as without one) is on the object, 0 off it.
#include <cstdio>
#include <exception>
#include <ioebss/ioebss.hpp>
#include <stdexcept>
#include <string>

#include "pictures.h"

namespace {

ioebss::Click click_of(const char *text) {
    ioebss::Click click;
    int end = 0;
    if (std::sscanf(text, "%lf,%lf%n", &click.x, &click.y, &end) == 2) {
        int more = 0;
        if (text[end] == '\0' || (std::sscanf(text + end, ",%d%n", &click.label, &more) == 1 &&
                                  text[end + more] == '\0')) {
            return click;
        }
    }
    throw std::invalid_argument(std::string(text) + " is no click; write x,y or x,y,label");
}

void run(int count, char **arguments) {
    const Picture picture = read_picture(arguments[2]);
    const ioebss::Model model(arguments[1]);
    ioebss::Session session = model.open({picture.pixels.data(), picture.width, picture.height});
    for (int i = 4; i < count; ++i) {
        const ioebss::Click click = click_of(arguments[i]);
        session.click(click.x, click.y, click.label);
    }
    const ioebss::MaskView mask = session.mask();
    write_mask(arguments[3], mask.data, mask.width, mask.height);
    const ioebss::Timing timing = session.timing();
    std::printf("%s on %s; the last click: %.1f ms, of these the network %.1f ms\n", arguments[3],
                model.backend().c_str(), timing.input + timing.network + timing.mask,
                timing.network);
}

}  // namespace

int main(int count, char **arguments) {
    if (count < 5) {
        std::fprintf(stderr, "usage: %s MODEL.onnx PHOTO MASK.png X,Y[,LABEL] ...\n", arguments[0]);
        return 2;
    }
    try {
        run(count, arguments);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
