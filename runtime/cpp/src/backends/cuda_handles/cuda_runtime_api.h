// For NvInfer.h where no CUDA toolkit is installed: the two handles that it names, as CUDA declares
// them.
#pragma once

struct CUstream_st;
struct CUevent_st;
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
