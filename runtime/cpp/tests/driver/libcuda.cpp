// The stand-in for the CUDA driver's library; see stand_in.h. It ends the program where a real
// driver would be used wrongly: without a context, with handles that are not its own.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "probe.cpp"
#include "stand_in.h"

#include "host.cpp"

#define EXPORTED __attribute__((visibility("default")))

using Work = std::vector<std::function<void()>>;
using Pointer = unsigned long long;

struct CUstream_st {
    bool capturing = false;
    Work work;
};
struct CUgraph_st {
    Work work;
};
struct CUgraphExec_st {
    Work work;
};
struct CUmod_st {};
struct CUctx_st {};
struct CUfunc_st {
    const char *name;
    void (*kernel)(const Look *);
};

namespace {

enum Code { kSuccess = 0, kOutOfMemory = 2, kNoImage = 209, kUnsupported = 900, kInjected = 999 };
constexpr std::uint8_t kPattern = 0xA5;

CUfunc_st kFunctions[] = {{"halve", halve},
                          {"photo_to_planes", photo_to_planes},
                          {"clear_planes", clear_planes},
                          {"erase_discs", erase_discs},
                          {"draw_discs", draw_discs},
                          {"fill_previous", fill_previous},
                          {"obey", obey},
                          {"place_mask", place_mask},
                          {"logits_to_mask", logits_to_mask}};

struct State {
    std::mutex mutex;
    std::map<Pointer, std::size_t> memory;
    std::set<const void *> others;
    std::size_t total = std::size_t{1} << 40, used = 0;
    int calls = 0, fail_at = -1, plays = 0, contexts = 0;
    bool capturable = true, loadable = true;
};

State &state() {
    static State own;
    return own;
}

CUctx_st primary;
thread_local int depth = 0;  // of contexts pushed

void demand(bool holds, const char *what) {
    if (!holds) {
        std::fprintf(stderr, "the driver is used wrongly: %s\n", what);
        std::abort();
    }
}

// What goes before every call that can fail.
Code begin() {
    demand(depth > 0, "no context is current");
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().calls++ == state().fail_at ? kInjected : kSuccess;
}

template <typename T>
T *taken(T *thing) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().others.insert(thing);
    return thing;
}

void give_back(const void *thing) {
    demand(depth > 0, "no context is current");
    const std::lock_guard<std::mutex> lock(state().mutex);
    demand(state().others.erase(thing) == 1, "given back what was not taken");
}

void check_stream(const CUstream_st *stream) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    demand(state().others.count(stream) == 1, "no such stream");
}

void put(CUstream_st *stream, std::function<void()> work) {
    check_stream(stream);
    if (stream->capturing) {
        stream->work.push_back(std::move(work));
    } else {
        work();
    }
}

// Memory that was allocated and holds so many bytes there.
std::uint8_t *memory_at(Pointer address, std::size_t size) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    auto next = state().memory.upper_bound(address);
    demand(next != state().memory.begin(), "no such memory");
    --next;
    demand(address + size <= next->first + next->second, "beyond the memory");
    return reinterpret_cast<std::uint8_t *>(address);
}

}  // namespace

namespace stand_in {

EXPORTED int held() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return static_cast<int>(state().memory.size() + state().others.size()) + state().contexts;
}
EXPORTED int calls() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().calls;
}
EXPORTED int plays() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().plays;
}
EXPORTED std::size_t memory_in_use() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().used;
}
EXPORTED void fail_at(int call) { state().fail_at = call; }
EXPORTED void set_memory(std::size_t bytes) { state().total = bytes; }
EXPORTED void set_capturable(bool capturable) { state().capturable = capturable; }
EXPORTED void set_loadable(bool loadable) { state().loadable = loadable; }

EXPORTED bool enqueue(CUstream_st *stream, std::function<void()> work) {
    if (begin() != kSuccess) {
        return false;
    }
    put(stream, std::move(work));
    return true;
}

}  // namespace stand_in

extern "C" {

EXPORTED int cuDevicePrimaryCtxRetain(CUctx_st **context, int) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    ++state().contexts;
    return *context = &primary, kSuccess;
}
EXPORTED int cuDevicePrimaryCtxRelease_v2(int) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    demand(state().contexts-- > 0, "the primary context is released too often");
    return kSuccess;
}
EXPORTED int cuCtxPushCurrent_v2(CUctx_st *context) {
    demand(context == &primary, "no such context");
    return ++depth, kSuccess;
}
EXPORTED int cuCtxPopCurrent_v2(CUctx_st **context) {
    demand(depth-- > 0, "no context is current");
    return *context = &primary, kSuccess;
}

EXPORTED int cuMemAlloc_v2(Pointer *pointer, std::size_t size) {
    demand(size > 0, "no bytes are allocated");
    if (const Code code = begin()) {
        return code;
    }
    const std::lock_guard<std::mutex> lock(state().mutex);
    if (size > state().total - state().used) {
        return kOutOfMemory;
    }
    auto *memory = new std::uint8_t[size];
    std::memset(memory, kPattern, size);
    *pointer = reinterpret_cast<Pointer>(memory);
    state().memory[*pointer] = size;
    state().used += size;
    return kSuccess;
}
EXPORTED int cuMemFree_v2(Pointer pointer) {
    demand(depth > 0, "no context is current");
    const std::lock_guard<std::mutex> lock(state().mutex);
    const auto found = state().memory.find(pointer);
    demand(found != state().memory.end(), "freed what was not allocated");
    state().used -= found->second;
    state().memory.erase(found);
    delete[] reinterpret_cast<std::uint8_t *>(pointer);
    return kSuccess;
}
EXPORTED int cuMemHostAlloc(void **memory, std::size_t size, unsigned) {
    if (const Code code = begin()) {
        return code;
    }
    *memory = std::memset(taken(new std::uint8_t[size]), kPattern, size);
    return kSuccess;
}
EXPORTED int cuMemFreeHost(void *memory) {
    give_back(memory);
    delete[] static_cast<std::uint8_t *>(memory);
    return kSuccess;
}

// As with pageable memory, what is uploaded is read before the call returns; but what a graph
// uploads is read when it is played.
EXPORTED int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, std::size_t size,
                                  CUstream_st *stream) {
    if (const Code code = begin()) {
        return code;
    }
    std::uint8_t *memory = memory_at(to, size);
    put(stream, [=] { std::memcpy(memory, from, size); });
    return kSuccess;
}
EXPORTED int cuMemcpyDtoHAsync_v2(void *to, Pointer from, std::size_t size, CUstream_st *stream) {
    if (const Code code = begin()) {
        return code;
    }
    const std::uint8_t *memory = memory_at(from, size);
    put(stream, [=] { std::memcpy(to, memory, size); });
    return kSuccess;
}

EXPORTED int cuStreamCreate(CUstream_st **stream, unsigned) {
    if (const Code code = begin()) {
        return code;
    }
    return *stream = taken(new CUstream_st), kSuccess;
}
EXPORTED int cuStreamDestroy_v2(CUstream_st *stream) {
    give_back(stream);
    delete stream;
    return kSuccess;
}
EXPORTED int cuStreamSynchronize(CUstream_st *stream) {
    check_stream(stream);
    demand(!stream->capturing, "synchronised while it is captured");
    return begin();
}
EXPORTED int cuStreamBeginCapture_v2(CUstream_st *stream, int) {
    check_stream(stream);
    if (const Code code = begin()) {
        return code;
    }
    if (!state().capturable) {
        return kUnsupported;
    }
    stream->work.clear();
    stream->capturing = true;
    return kSuccess;
}
EXPORTED int cuStreamEndCapture(CUstream_st *stream, CUgraph_st **graph) {
    check_stream(stream);
    demand(stream->capturing, "nothing is captured");
    stream->capturing = false;
    if (const Code code = begin()) {
        return code;
    }
    return *graph = taken(new CUgraph_st{std::move(stream->work)}), kSuccess;
}
EXPORTED int cuGraphInstantiateWithFlags(CUgraphExec_st **made, CUgraph_st *graph,
                                         unsigned long long) {
    if (const Code code = begin()) {
        return code;
    }
    return *made = taken(new CUgraphExec_st{graph->work}), kSuccess;
}
EXPORTED int cuGraphDestroy(CUgraph_st *graph) {
    give_back(graph);
    delete graph;
    return kSuccess;
}
EXPORTED int cuGraphLaunch(CUgraphExec_st *graph, CUstream_st *stream) {
    check_stream(stream);
    if (const Code code = begin()) {
        return code;
    }
    {
        const std::lock_guard<std::mutex> lock(state().mutex);
        ++state().plays;
    }
    for (const auto &work : graph->work) {
        work();
    }
    return kSuccess;
}
EXPORTED int cuGraphExecDestroy(CUgraphExec_st *graph) {
    give_back(graph);
    delete graph;
    return kSuccess;
}

EXPORTED int cuModuleLoadData(CUmod_st **module, const void *image) {
    const std::uint32_t fatbin = 0xBA55ED50;  // what a fatbin begins with
    demand(std::memcmp(image, &fatbin, sizeof fatbin) == 0, "the image is no fatbin");
    if (const Code code = begin()) {
        return code;
    }
    return state().loadable ? (*module = taken(new CUmod_st), kSuccess) : kNoImage;
}
EXPORTED int cuModuleUnload(CUmod_st *module) {
    give_back(module);
    delete module;
    return kSuccess;
}
EXPORTED int cuModuleGetFunction(CUfunc_st **function, CUmod_st *, const char *name) {
    if (const Code code = begin()) {
        return code;
    }
    for (CUfunc_st &known : kFunctions) {
        if (std::strcmp(known.name, name) == 0) {
            return *function = &known, kSuccess;
        }
    }
    return 500;
}
EXPORTED int cuLaunchKernel(CUfunc_st *function, unsigned blocks, unsigned, unsigned,
                            unsigned threads, unsigned, unsigned, unsigned, CUstream_st *stream,
                            void **parameters, void **) {
    demand(blocks > 0 && threads > 0 && threads <= 1024, "a wrong grid");
    if (const Code code = begin()) {
        return code;
    }
    const auto address = *static_cast<const Pointer *>(parameters[0]);
    const auto *look = reinterpret_cast<const Look *>(memory_at(address, sizeof(Look)));
    auto *kernel = function->kernel;
    put(stream, [=] { kernel(look); });
    return kSuccess;
}

}  // extern "C"
