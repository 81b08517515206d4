# Whether the part for TensorRT and TensorRT-RTX is built. It takes headers alone: the libraries and
# the driver are loaded when a program needs them.
#   tensorrt_headers: folders, empty where it is not built.
#   tensorrt_part: "" or "_absent", the end of the name of the source file.
if(IOEBSS_TENSORRT)
    find_path(TENSORRT_INCLUDE_DIR NvInfer.h
        HINTS ${IOEBSS_TENSORRT_ROOT} ENV TENSORRT_ROOT
        PATH_SUFFIXES include include/x86_64-linux-gnu include/aarch64-linux-gnu)
    # NvInfer.h takes the names of two handles from it, and nothing else.
    find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h
        HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
endif()
if(IOEBSS_TENSORRT AND TENSORRT_INCLUDE_DIR)
    set(tensorrt_part "")
    set(tensorrt_headers ${TENSORRT_INCLUDE_DIR})
    if(CUDA_RUNTIME_INCLUDE_DIR)
        list(APPEND tensorrt_headers ${CUDA_RUNTIME_INCLUDE_DIR})
    else()
        list(APPEND tensorrt_headers ${CMAKE_CURRENT_SOURCE_DIR}/src/backends/cuda_handles)
    endif()
    message(STATUS "TensorRT and TensorRT-RTX: built with ${TENSORRT_INCLUDE_DIR}/NvInfer.h")
else()
    set(tensorrt_part "_absent")
    set(tensorrt_headers "")
    message(STATUS "TensorRT and TensorRT-RTX: not built, NvInfer.h was not found or IOEBSS_TENSORRT is off "
        "(give -DIOEBSS_TENSORRT_ROOT=DIR); models run on ONNX Runtime")
endif()
