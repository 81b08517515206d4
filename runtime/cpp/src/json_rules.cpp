#include "json_rules.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <system_error>

#include "error.h"
#include "regular_files.h"

namespace ioebss::core {
namespace {

constexpr int kMaxDepth = 200;  // of lists and objects in each other
constexpr std::size_t kMaxText = 10'000;

// What a parser says of bytes that may be anything: only letters that every terminal knows.
std::string plain(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
    return text;
}

}  // namespace

bool is_text(const Json &value) {
    if (!value.is_string()) {
        return false;
    }
    const auto &text = value.get_ref<const std::string &>();
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
               return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;  // begins a character
           })) <= kMaxText;
}

bool is_whole(const Json &value, std::int64_t low, std::int64_t high) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        return number <= static_cast<std::uint64_t>(high) &&
               static_cast<std::int64_t>(number) >= low;
    }
    return value.is_number_integer() && value.get<std::int64_t>() >= low &&
           value.get<std::int64_t>() <= high;
}

bool is_number(const Json &value, double low, double high) {
    return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
}

bool is_sha256(const Json &value) {
    return value.is_string() && value.get_ref<const std::string &>().size() == 64 &&
           value.get_ref<const std::string &>().find_first_not_of("0123456789abcdef") ==
               std::string::npos;
}

std::string shown_value(const Json &value) {
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

std::string read_text(const std::filesystem::path &path, std::size_t most,
                      const std::string &what) {
    check_regular(path, what);
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(most + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.eof() && file.fail()) {
        throw model_error(path.string() + " cannot be read: " +
                          (errno != 0 ? std::generic_category().message(errno) : "read error"));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > most) {
        throw model_error(path.string() + " is larger than " + std::to_string(most) +
                          " bytes; it is not " + what);
    }
    return text;
}

// Values of unknown keys are never looked at, but they are held: the depth is bounded while
// parsing.
Json parse_object(std::string_view text, const std::string &name, const std::string &what) {
    auto bounded = [&](int depth, Json::parse_event_t, const Json &) {
        if (depth > kMaxDepth) {
            throw model_error(name + " is nested too deeply; it is not " + what);
        }
        return true;
    };
    Json table;
    try {
        table = Json::parse(text.begin(), text.end(), bounded);
    } catch (const Json::exception &error) {
        throw model_error(name + " cannot be read as JSON, it is not " + what + ": " +
                          plain(error.what()));
    }
    if (!table.is_object()) {
        throw model_error(name + " is not " + what + ": it holds no JSON object");
    }
    return table;
}

void check_format(const Json &table, const std::string &name, int newest, const std::string &what) {
    const auto version = table.find("format");
    if (version == table.end() ||
        !is_whole(*version, 1, std::numeric_limits<std::int64_t>::max())) {
        throw model_error(name + " is not " + what + ": it states no format");
    }
    if (!is_whole(*version, 1, newest)) {
        throw model_error(name + " is " + what + " of format " + shown_value(*version) +
                          ", this version of ioebss reads up to " + std::to_string(newest) +
                          "; update ioebss");
    }
}

void throw_missing(const std::string &name, const std::string &keys, const std::string &remedy) {
    throw model_error(name + " lacks " + keys + "; " + remedy);
}

void throw_broken(const std::string &name, const Rule &rule, const Json &value) {
    throw model_error(name + ": " + rule.key + " is " + shown_value(value) + "; expected " +
                      rule.expected);
}

}  // namespace ioebss::core
