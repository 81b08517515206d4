// SHA-256 against the examples of FIPS 180-4 and the digests in the manifests of the bundled
// models.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.h"
#include "manifest.h"
#include "sha256.h"

using namespace ioebss::core;

namespace {

std::string digest(const std::string &text, std::size_t piece) {
    Sha256 sha;
    for (std::size_t i = 0; i < text.size(); i += piece) {
        const std::string part = text.substr(i, piece);
        sha.update(reinterpret_cast<const std::uint8_t *>(part.data()), part.size());
    }
    return sha.hex_digest();
}

}  // namespace

int main(int, char **arguments) {
    CHECK(digest("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(digest("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 5) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const std::string million(1'000'000, 'a');
    for (std::size_t piece :
         {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1001}}) {
        CHECK(digest(million, piece) ==
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    const std::filesystem::path model = std::filesystem::path(arguments[1]) / "default.onnx";
    CHECK(sha256_of(model) == read_manifest(model).sha256);
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "cannot be read", [] { sha256_of("/not/there"); }));
    CHECK(check::throws(IOEBSS_ERROR_MODEL, "cannot be read", [] { sha256_of("/"); }));
    return check::result();
}
