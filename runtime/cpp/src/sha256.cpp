#include "sha256.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr std::array<std::uint32_t, 64> kRounds{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

constexpr std::size_t kPiece = std::size_t{1} << 20;

std::uint32_t rotated(std::uint32_t value, int by) { return value >> by | value << (32 - by); }

}  // namespace

void Sha256::block(const std::uint8_t *data) {
    std::array<std::uint32_t, 64> words;
    for (std::size_t i = 0; i < 16; ++i) {
        words[i] = std::uint32_t{data[4 * i]} << 24 | std::uint32_t{data[4 * i + 1]} << 16 |
                   std::uint32_t{data[4 * i + 2]} << 8 | std::uint32_t{data[4 * i + 3]};
    }
    for (std::size_t i = 16; i < 64; ++i) {
        std::uint32_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + words[i - 7] +
                   (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
        std::uint32_t first = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                              ((e & f) ^ (~e & g)) + kRounds[i] + words[i];
        std::uint32_t second =
            (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first;
        d = c, c = b, b = a, a = first + second;
    }
    const std::array<std::uint32_t, 8> added{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) {
        state_[i] += added[i];
    }
}

void Sha256::update(const std::uint8_t *data, std::size_t size) {
    std::size_t kept = size_ % 64;
    size_ += size;
    if (kept != 0) {
        std::size_t taken = std::min(size, 64 - kept);
        std::copy_n(data, taken, rest_.begin() + static_cast<std::ptrdiff_t>(kept));
        data += taken, size -= taken;
        if (kept + taken < 64) {
            return;
        }
        block(rest_.data());
    }
    for (; size >= 64; data += 64, size -= 64) {
        block(data);
    }
    std::copy_n(data, size, rest_.begin());
}

std::string Sha256::hex_digest() {
    std::uint64_t bits = size_ * 8;
    std::array<std::uint8_t, 72> end{0x80};
    std::size_t zeros = (size_ % 64 < 56 ? 56 : 120) - size_ % 64;
    for (std::size_t i = 0; i < 8; ++i) {
        end[zeros + i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
    }
    update(end.data(), zeros + 8);
    std::string text;
    for (std::uint32_t word : state_) {
        for (int shift = 28; shift >= 0; shift -= 4) {
            text += "0123456789abcdef"[word >> shift & 15];
        }
    }
    return text;
}

std::string sha256_of_bytes(std::string_view bytes) {
    Sha256 digest;
    digest.update(reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size());
    return digest.hex_digest();
}

std::string sha256_of(const std::filesystem::path &path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    Sha256 digest;
    std::vector<char> piece(kPiece);
    while (file) {
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        digest.update(reinterpret_cast<const std::uint8_t *>(piece.data()),
                      static_cast<std::size_t>(file.gcount()));
    }
    if (!file.eof()) {
        std::string reason = errno != 0 ? std::generic_category().message(errno) : "read error";
        throw model_error(path.string() + " cannot be read: " + reason);
    }
    return digest.hex_digest();
}

}  // namespace ioebss::core
