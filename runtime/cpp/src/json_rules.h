// Rules for the values of JSON objects that somebody else may have written (runtime/json_rules.py,
// runtime/json_files.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ioebss::core {

using Json = nlohmann::json;

// What the value of a key must pass.
struct Rule {
    const char *key;
    bool required;
    bool (*check)(const Json &);
    const char *expected;  // that in words
};

// A text of bounded length.
bool is_text(const Json &value);
// A whole number from low to high, both included.
bool is_whole(const Json &value, std::int64_t low, std::int64_t high);
bool is_number(const Json &value, double low, double high);
// 64 lower-case hexadecimal digits.
bool is_sha256(const Json &value);

// At most 80 characters of a value, for messages; other letters than ASCII are escaped.
std::string shown_value(const Json &value);

// A file's text. Throws a model error: it cannot be read, is no regular file, or is larger than so
// many bytes.
//   what: it should be, for messages: "a manifest".
std::string read_text(const std::filesystem::path &path, std::size_t most, const std::string &what);

// A JSON object; `name` is what messages call it. Throws a model error: it is none, or too deep.
Json parse_object(std::string_view text, const std::string &name, const std::string &what);

// Throws a model error: the object states no version of its layout, or a newer one.
void check_format(const Json &table, const std::string &name, int newest, const std::string &what);

// Throws a model error if a required key is missing or a value breaks its rule.
//   remedy: what to do where a key is missing.
template <typename Rules>
void check_values(const Json &table, const std::string &name, const Rules &rules,
                  const std::string &remedy);

// -- inside

[[noreturn]] void throw_missing(const std::string &name, const std::string &keys,
                                const std::string &remedy);
[[noreturn]] void throw_broken(const std::string &name, const Rule &rule, const Json &value);

template <typename Rules>
void check_values(const Json &table, const std::string &name, const Rules &rules,
                  const std::string &remedy) {
    std::string missing;
    for (const Rule &rule : rules) {
        if (rule.required && !table.contains(rule.key)) {
            missing += (missing.empty() ? "" : ", ") + std::string(rule.key);
        }
    }
    if (!missing.empty()) {
        throw_missing(name, missing, remedy);
    }
    for (const Rule &rule : rules) {
        const auto value = table.find(rule.key);
        if (value != table.end() && !rule.check(*value)) {
            throw_broken(name, rule, *value);
        }
    }
}

}  // namespace ioebss::core
