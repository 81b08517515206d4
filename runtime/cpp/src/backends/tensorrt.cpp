#include "backends/tensorrt.h"

#include <NvInfer.h>

#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "backends/tensorrt_library.h"
#include "error.h"
#include "gpu/device_eye.h"
#include "gpu/driver.h"
#include "gpu/execution.h"
#include "gpu/kernels.h"

namespace ioebss::core {
namespace {

// An engine, loaded on a GPU; sessions share it.
class Plan {
  public:
    Plan(const Driver &driver, const TensorRtLibrary &library, std::filesystem::path path,
         EngineManifest manifest)
        : driver_(driver), path_(std::move(path)), manifest_(std::move(manifest)) {
        const std::vector<char> plan = read_engine(path_, manifest_);
        const Driver::Active active(driver_);
        runtime_ = library.make_runtime(log_);
        if (runtime_ != nullptr) {
            engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
        }
        if (engine_ == nullptr) {
            throw model_error(path_.string() + " cannot be loaded by " + manifest_.flavour + ": " +
                              log_.last());
        }
        check_tensors();
    }

    ~Plan() {
        driver_.quietly([this] {
            engine_.reset();
            runtime_.reset();
        });
    }
    Plan(const Plan &) = delete;
    Plan &operator=(const Plan &) = delete;

    const Driver &driver() const { return driver_; }
    const std::filesystem::path &path() const { return path_; }
    const EngineManifest &manifest() const { return manifest_; }
    std::string last_error() const { return log_.last(); }

    std::unique_ptr<nvinfer1::IExecutionContext> make_context() const {
        const Driver::Active active(driver_);
        std::unique_ptr<nvinfer1::IExecutionContext> context(engine_->createExecutionContext());
        if (context == nullptr) {
            throw backend_error(manifest_.flavour + " makes no execution context: " + log_.last() +
                                "; close other sessions, or build the engine for smaller sizes");
        }
        return context;
    }

  private:
    // Its inputs and outputs against the model contract.
    void check_tensors() const {
        std::set<std::string> names;
        for (std::int32_t i = 0; i < engine_->getNbIOTensors(); ++i) {
            names.insert(engine_->getIOTensorName(i));
        }
        if (names != std::set<std::string>{kInput, kOutput}) {
            std::string has;
            for (const std::string &name : names) {
                has += (has.empty() ? "" : ", ") + name;
            }
            throw model_error(path_.string() + " has the tensors " + has +
                              "; an IOEBSS engine has input and logits");
        }
        for (const char *name : {kInput, kOutput}) {
            if (engine_->getTensorDataType(name) != nvinfer1::DataType::kFLOAT) {
                throw model_error(path_.string() + ": " + name +
                                  " is of another type; expected float32 at the edges");
            }
        }
    }

    const Driver &driver_;
    std::filesystem::path path_;
    EngineManifest manifest_;
    TensorRtLog log_;
    std::unique_ptr<nvinfer1::IRuntime> runtime_;
    std::unique_ptr<nvinfer1::ICudaEngine> engine_;
};

class PlanExecution : public Execution {
  public:
    explicit PlanExecution(const Plan &plan) : plan_(plan), context_(plan.make_context()) {}
    ~PlanExecution() override {
        plan_.driver().quietly([this] { context_.reset(); });
    }

    bool capturable() const override { return true; }

    void enqueue(cuda::Pointer input, cuda::Pointer logits, std::int64_t channels,
                 std::int64_t height, std::int64_t width, const Stream &stream) override {
        const int profile = profile_for(plan_.path(), plan_.manifest(), {1, height, width});
        const nvinfer1::Dims4 shape(1, channels, height, width);
        require(choose_profile(profile, stream) && context_->setInputShape(kInput, shape));
        check_answer(height, width);
        require(context_->setTensorAddress(kInput, device_pointer<void>(input)) &&
                context_->setTensorAddress(kOutput, device_pointer<void>(logits)) &&
                context_->enqueueV3(stream.get()));
    }

  private:
    void require(bool done) const {
        if (!done) {
            throw backend_error(plan_.path().filename().string() +
                                " failed: " + plan_.last_error());
        }
    }

    bool choose_profile(int profile, const Stream &stream) {
        if (profile != profile_) {
            profile_ = -1;  // until it is done
            if (!context_->setOptimizationProfileAsync(profile, stream.get())) {
                return false;
            }
            profile_ = profile;
        }
        return true;
    }

    // The answer must fit into the memory that there is for it.
    void check_answer(std::int64_t height, std::int64_t width) const {
        const nvinfer1::Dims shape = context_->getTensorShape(kOutput);
        if (shape.nbDims != 4 || shape.d[0] != 1 || shape.d[1] != 1 || shape.d[2] != height ||
            shape.d[3] != width) {
            throw model_error(plan_.path().string() + " answers an input of " +
                              std::to_string(width) + "x" + std::to_string(height) +
                              " with logits of another shape; build it with ioebss-export");
        }
    }

    const Plan &plan_;
    std::unique_ptr<nvinfer1::IExecutionContext> context_;
    int profile_ = -1;
};

class TensorRt : public Backend {
  public:
    TensorRt(const TensorRtLibrary &library, const std::filesystem::path &engine,
             const EngineManifest &manifest)
        : kernels_(driver_), plan_(driver_, library, engine, manifest), own_(plan_) {}

    // What is enqueued on a GPU cannot be stopped.
    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &) const override {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto channels = static_cast<std::int64_t>(plan_.manifest().model.channels.size());
        run_on_device(driver_, own_, input, channels, height, width, logits);
    }

    std::unique_ptr<Eye> eye(const Photo &photo, const Manifest &manifest,
                             std::int64_t longest) const override {
        return std::make_unique<DeviceEye>(photo, manifest, driver_, kernels_,
                                           std::make_unique<PlanExecution>(plan_), longest);
    }

  private:
    Driver driver_;
    Kernels kernels_;
    Plan plan_;
    mutable std::mutex mutex_;  // one network at a time runs in `own_`
    mutable PlanExecution own_;
};

}  // namespace

void require_built(const std::string &flavour) {
    if (flavour == kTensorRt && kRtxHeaders) {
        throw backend_error(flavour +
                            " is not built into this library: NvInfer.h was TensorRT-RTX's");
    }
    if (flavour == kTensorRtRtx && NV_TENSORRT_MAJOR == 10) {
        throw backend_error(flavour +
                            " is not built into this library: its interface is that of TensorRT "
                            "11, NvInfer.h was TensorRT 10's");
    }
}

std::unique_ptr<Backend> open_tensorrt(const std::filesystem::path &engine,
                                       const EngineManifest &manifest) {
    const Gpu gpu = LibCuda().require_gpu();
    const TensorRtLibrary library(manifest.flavour);
    Target target;
    target.flavour = manifest.flavour;
    target.version = library.version();
    target.compute_capability = gpu.compute_capability;
    check_engine(engine, manifest, target);
    check_onnx_beside(engine, manifest);
    return std::make_unique<TensorRt>(library, engine, manifest);
}

}  // namespace ioebss::core
