// A stand-in for TensorRT's library, with the classes of its own headers: an "engine" is a text,
// its network is echo.h, on the memory of the stand-in for the driver. It refuses what TensorRT
// refuses.
//   "echo": answers. "half": its tensors are of another type. "small": its answers have another
//   shape. "crowded": it has no room for execution contexts. "failing": its work fails.
#include <NvInfer.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "echo.h"
#include "stand_in.h"

namespace nvinfer1::apiv {
#include "nvinfer_rest.h"
}  // namespace nvinfer1::apiv

namespace {

using namespace nvinfer1;

#if defined(__GNUC__)
#define EXPORTED __attribute__((visibility("default")))
#endif

constexpr const char *kInput = "input", *kOutput = "logits";

class Context : public IExecutionContext, apiv::VExecutionContextRest {
  public:
    Context(std::string kind, ILogger *log) : kind_(std::move(kind)), log_(log) { mImpl = this; }

    IExecutionContext *getPImpl() noexcept override { return this; }
    bool setOptimizationProfileAsync(std::int32_t profile, cudaStream_t) noexcept override {
        chosen_ = profile >= 0 && profile < 2;
        return chosen_;
    }
    bool setInputShape(const char *name, const Dims &shape) noexcept override {
        shape_ = shape;
        return std::strcmp(name, kInput) == 0 && shape.nbDims == 4;
    }
    Dims getTensorShape(const char *) const noexcept override {
        return Dims4(1, 1, shape_.d[2], kind_ == "small" ? 1 : shape_.d[3]);
    }
    bool setTensorAddress(const char *name, void *address) noexcept override {
        (std::strcmp(name, kInput) == 0 ? input_ : logits_) = address;
        return address != nullptr;
    }
    bool enqueueV3(cudaStream_t stream) noexcept override {
        if (!chosen_ || kind_ == "failing") {
            log_->log(ILogger::Severity::kERROR, "enqueueV3:\nan error");
            return false;
        }
        auto work = [in = static_cast<float *>(input_), out = static_cast<float *>(logits_),
                     shape = shape_] { echo(in, shape.d[1], shape.d[2], shape.d[3], out); };
        return stand_in::enqueue(stream, work);
    }

  private:
    std::string kind_;
    ILogger *log_;
    bool chosen_ = false;
    Dims shape_{};
    void *input_ = nullptr, *logits_ = nullptr;
};

class Engine : public ICudaEngine, apiv::VCudaEngineRest {
  public:
    Engine(std::string kind, ILogger *log) : kind_(std::move(kind)), log_(log) { mImpl = this; }

    ICudaEngine *getPImpl() noexcept override { return this; }
    std::int32_t getNbIOTensors() const noexcept override { return 2; }
    const char *getIOTensorName(std::int32_t i) const noexcept override {
        return i == 0 ? kInput : kOutput;
    }
    DataType getTensorDataType(const char *) const noexcept override {
        return kind_ == "half" ? DataType::kHALF : DataType::kFLOAT;
    }
    IExecutionContext *createExecutionContext(
        ExecutionContextAllocationStrategy) noexcept override {
        if (kind_ == "crowded") {
            log_->log(ILogger::Severity::kERROR, "out of memory");
            return nullptr;
        }
        return new Context(kind_, log_);
    }

  private:
    std::string kind_;
    ILogger *log_;
};

class Runtime : public IRuntime, apiv::VRuntimeRest {
  public:
    explicit Runtime(ILogger *log) : log_(log) { mImpl = this; }

    IRuntime *getPImpl() noexcept override { return this; }
    ICudaEngine *deserializeCudaEngine(const void *plan, std::size_t size) noexcept override {
        const std::string kind(static_cast<const char *>(plan), size);
        for (const char *known : {"echo", "half", "small", "crowded", "failing"}) {
            if (kind == known) {
                return new Engine(kind, log_);
            }
        }
        log_->log(ILogger::Severity::kINTERNAL_ERROR, "deserialization failed");
        return nullptr;
    }
    using VRuntimeRest::deserializeCudaEngine;
    ILogger *getLogger() const noexcept override { return log_; }

  private:
    ILogger *log_;
};

}  // namespace

extern "C" {
EXPORTED std::int32_t getInferLibMajorVersion() noexcept { return NV_TENSORRT_MAJOR; }
EXPORTED std::int32_t getInferLibMinorVersion() noexcept { return 12; }
EXPORTED std::int32_t getInferLibPatchVersion() noexcept { return 0; }
EXPORTED std::int32_t getInferLibBuildVersion() noexcept { return 22; }
EXPORTED void *createInferRuntime_INTERNAL(void *log, std::int32_t version) noexcept {
    return version == NV_TENSORRT_VERSION ? new Runtime(static_cast<ILogger *>(log)) : nullptr;
}
}
