// What tests ask of the stand-in for the CUDA driver's library: device memory is the host's,
// kernels are the host build of the same text, work is done at once or recorded while a stream is
// captured. What the driver says of itself is set by the environment; see probe.cpp.
#pragma once

#include <cstddef>
#include <functional>

struct CUstream_st;

namespace stand_in {

// How many things were taken and not given back: memory, pinned memory, streams, modules, graphs,
// and the primary context.
int held();
// How many calls there were that can fail, how often graphs were launched, bytes in use.
int calls();
int plays();
std::size_t memory_in_use();

// The call with this number fails, once; -1: none does.
void fail_at(int call);
// Bytes that there are on the "GPU".
void set_memory(std::size_t bytes);
// Whether streams can be captured, and whether modules can be loaded.
void set_capturable(bool capturable);
void set_loadable(bool loadable);

// Puts work on a stream, as a network's library does. False where it fails.
bool enqueue(CUstream_st *stream, std::function<void()> work);

}  // namespace stand_in
