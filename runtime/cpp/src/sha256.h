// SHA-256 (FIPS 180-4), to tell whether a model is the one that its manifest describes. Our own: a
// library of cryptography would be a heavy dependency for one function that guards no secret.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace ioebss::core {

class Sha256 {
  public:
    void update(const std::uint8_t *data, std::size_t size);
    // The digest of all that came, lower-case hexadecimal. Call it once.
    std::string hex_digest();

  private:
    void block(const std::uint8_t *data);

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> rest_{};
    std::uint64_t size_ = 0;
};

std::string sha256_of_bytes(std::string_view bytes);

// Of a file, read in pieces. Throws a model error if it cannot be read.
std::string sha256_of(const std::filesystem::path &path);

}  // namespace ioebss::core
