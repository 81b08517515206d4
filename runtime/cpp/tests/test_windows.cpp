// Where the network looks, by hand: Python's floor division and its rounding.
#include "check.h"
#include "windows.h"

using namespace ioebss::core;

int main(int, char **) {
    CHECK((Window{-5, -8, 5, 8}.aligned(4) == Window{-8, -8, 8, 8}));
    CHECK((Window{3, 4, 9, 12}.aligned(1) == Window{3, 4, 9, 12}));
    CHECK((Window{0, 0, 4, 4}.joined({2, -1, 3, 9}) == Window{0, -1, 4, 9}));
    CHECK((Window{0, 0, 4, 4}.holds({1, 1, 4, 4})));
    CHECK(!(Window{0, 0, 4, 4}.holds({1, 1, 5, 4})));
    CHECK(!extent_of({}));
    CHECK((*extent_of({{7, 3, 1}, {2, 9, 0}}) == Window{2, 3, 8, 10}));
    // 10 x 10 in the middle of 100 x 100, 1.25 times: 13 wide; (40 + 50 - 13) / 2 rounds down
    // to 38.
    CHECK((around({40, 40, 50, 50}, 1.25, 1, 100, 100) == Window{38, 38, 51, 51}));
    // At the border: moved; where the photo is too small: cut.
    CHECK((around({0, 95, 10, 100}, 1, 20, 100, 100) == Window{0, 80, 20, 100}));
    CHECK((around({0, 0, 10, 10}, 10, 1, 30, 200) == Window{0, 0, 30, 100}));
    // No side is shorter than half the other.
    CHECK((around({10, 50, 90, 51}, 1, 1, 100, 100) == Window{10, 30, 90, 70}));
    CHECK((widened({40, 40, 50, 60}, 1.5, 100, 100) == Window{37, 35, 52, 65}));
    // Products are rounded up in double precision: 50 * 1.1 is 55.00000000000001 there.
    CHECK((widened({40, 40, 90, 50}, 1.1, 200, 100).width() == 56));
    return check::result();
}
