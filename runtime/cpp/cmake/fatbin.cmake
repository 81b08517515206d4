# The compiled CUDA kernels, which become part of the library: checked to be the file that their record
# describes, and for which GPUs they are.
set(fatbin ${CMAKE_CURRENT_SOURCE_DIR}/../kernels/kernels.fatbin)
set(fatbin_record ${CMAKE_CURRENT_SOURCE_DIR}/../kernels/kernels.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${fatbin} ${fatbin_record})
file(READ ${fatbin_record} record)
string(JSON recorded_digest GET "${record}" sha256)
file(SHA256 ${fatbin} fatbin_digest)
if(NOT fatbin_digest STREQUAL recorded_digest)
    message(FATAL_ERROR "${fatbin} is not the file that ${fatbin_record} describes: check it out again, or build it: "
        "python -m ioebss.kernels.build")
endif()
string(JSON image_count LENGTH "${record}" images)
math(EXPR last_image "${image_count} - 1")
set(images "")
foreach(number RANGE ${last_image})
    string(JSON image GET "${record}" images ${number})
    list(APPEND images ${image})
endforeach()
list(JOIN images ", " images)
set_source_files_properties(src/gpu/kernels.S PROPERTIES OBJECT_DEPENDS ${fatbin}
    COMPILE_DEFINITIONS IOEBSS_FATBIN="${fatbin}")
set_source_files_properties(src/gpu/kernels.cpp PROPERTIES COMPILE_DEFINITIONS "IOEBSS_FATBIN_IMAGES=\"${images}\"")
