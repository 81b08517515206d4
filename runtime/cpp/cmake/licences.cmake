# The licences that a binary of the library must come with: our own, and that of nlohmann_json, which is
# compiled into it. Its copyright lines are taken from the very headers that were found. ONNX Runtime and
# TensorRT are no part of the library: it loads them.
#   licence_files: to be installed.
set(licence_files ${CMAKE_CURRENT_SOURCE_DIR}/../../LICENSE)
get_target_property(json_folders nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
string(REGEX REPLACE "\\$<[A-Z]+_INTERFACE:([^>]*)>" "\\1" json_folders "${json_folders}")
set(json_notices "")
foreach(folder IN LISTS json_folders)
    file(GLOB_RECURSE headers ${folder}/nlohmann/*.hpp)
    foreach(header IN LISTS headers)
        file(STRINGS ${header} lines REGEX "^// SPDX-FileCopyrightText: |^Copyright \\(c\\) " ENCODING UTF-8)
        list(TRANSFORM lines REPLACE "^// SPDX-FileCopyrightText:|^Copyright \\(c\\)" "Copyright (c)")
        list(APPEND json_notices ${lines})
    endforeach()
endforeach()
list(REMOVE_DUPLICATES json_notices)
if(json_notices)
    list(JOIN json_notices "\n" json_notices)
    configure_file(cmake/THIRD-PARTY.txt.in THIRD-PARTY.txt @ONLY)
    list(APPEND licence_files ${CMAKE_CURRENT_BINARY_DIR}/THIRD-PARTY.txt)
else()
    message(WARNING "nlohmann_json's headers state no copyright in a known form: add its licence yourself to what you ship")
endif()
