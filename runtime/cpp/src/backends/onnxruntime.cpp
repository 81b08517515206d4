#include "onnxruntime.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "error.h"
#include "onnxruntime_library.h"

namespace ioebss::core {
namespace {

constexpr const char *kFailed = "onnxruntime failed";

struct Tensor {
    std::string name;
    bool is_float = false;
    std::vector<std::int64_t> shape;  // -1 where it is open
};

class OnnxRuntime : public Backend {
  public:
    OnnxRuntime(const Source &model, const Manifest &manifest, const EngineOptions &options,
                bool cuda)
        : library_(options.onnxruntime),
          env_(library_.api().ReleaseEnv),
          memory_(library_.api().ReleaseMemoryInfo),
          session_(library_.api().ReleaseSession),
          channels_(static_cast<std::int64_t>(manifest.channels.size())) {
        OrtHandle<OrtSessionOptions> settings(api().ReleaseSessionOptions);
        // Errors come as statuses; the terminal is not ours to write to.
        check(api().CreateEnv(ORT_LOGGING_LEVEL_FATAL, "ioebss", env_.out()));
        check(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, memory_.out()));
        check(api().CreateSessionOptions(settings.out()));
        check(api().SetSessionLogSeverityLevel(settings.get(), ORT_LOGGING_LEVEL_FATAL));
        // x86 without VNNI adds pairs of 8-bit products in 16 bits, which overflow: weights are
        // made unsigned there. Elsewhere this changes nothing.
        check(api().AddSessionConfigEntry(settings.get(), "session.x64quantprecision", "1"));
        // A model holds all its weights: its sha256 says nothing of others, which would be looked
        // for beside the file or, for a model in memory, in the current folder (old versions of
        // ONNX Runtime pass over this setting).
        check(api().AddSessionConfigEntry(
            settings.get(), "session.model_external_initializers_file_folder_path", "/dev/null"));
        if (options.threads > 0) {
            check(api().SetIntraOpNumThreads(settings.get(), options.threads));
        }
        if (cuda) {
            append_cuda(settings.get());
        }
        library_.check(load(model, settings.get()), IOEBSS_ERROR_MODEL,
                       model.path.string() + " cannot be loaded by onnxruntime");
        check_interface(model.path.string(), manifest);
    }

    void run(float *input, std::int64_t height, std::int64_t width, float *logits,
             Cancellation &cancellation) const override {
        const std::array<std::int64_t, 4> shape{1, channels_, height, width};
        const auto count = static_cast<std::size_t>(channels_ * height * width);
        OrtHandle<OrtRunOptions> options(api().ReleaseRunOptions);
        OrtHandle<OrtValue> value(api().ReleaseValue), answer(api().ReleaseValue);
        check(api().CreateRunOptions(options.out()));
        check(api().CreateTensorWithDataAsOrtValue(
            memory_.get(), input, count * sizeof(float), shape.data(), shape.size(),
            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, value.out()));
        const OrtValue *inputs = value.get();
        {
            const Cancellation::Run stoppable(cancellation, [&] { terminate(options.get()); });
            check(api().Run(session_.get(), options.get(), &kInput, &inputs, 1, &kOutput, 1,
                            answer.out()));
        }
        OrtHandle<OrtTensorTypeAndShapeInfo> info(api().ReleaseTensorTypeAndShapeInfo);
        check(api().GetTensorTypeAndShape(answer.get(), info.out()));
        const Tensor answered = described("", info.get());
        if (!answered.is_float ||
            answered.shape != std::vector<std::int64_t>{1, 1, height, width}) {
            throw model_error("the model answers an input of " +
                              shown({1, channels_, height, width}) + " with logits of shape " +
                              shown(answered.shape) + "; export it with ioebss-export");
        }
        void *data = nullptr;
        check(api().GetTensorMutableData(answer.get(), &data));
        std::copy_n(static_cast<const float *>(data), height * width, logits);
    }

  private:
    const OrtApi &api() const { return library_.api(); }

    void check(OrtStatus *report) const { library_.check(report, IOEBSS_ERROR_BACKEND, kFailed); }

    // A model in memory is copied.
    OrtStatus *load(const Source &model, const OrtSessionOptions *settings) {
        if (model.bytes) {
            const std::string_view onnx = model.bytes->onnx;
            return api().CreateSessionFromArray(env_.get(), onnx.data(), onnx.size(), settings,
                                                session_.out());
        }
        return api().CreateSession(env_.get(), model.path.c_str(), settings, session_.out());
    }

    // From another thread: ONNX Runtime looks at this between two nodes of the graph.
    void terminate(OrtRunOptions *options) const {
        if (OrtStatus *report = api().RunOptionsSetTerminate(options)) {
            api().ReleaseStatus(report);
        }
    }

    void append_cuda(OrtSessionOptions *settings) const {
        if (!library_.has_provider("CUDAExecutionProvider")) {
            throw backend_error("this build of ONNX Runtime has no CUDA provider");
        }
        OrtHandle<OrtCUDAProviderOptionsV2> options(api().ReleaseCUDAProviderOptions);
        check(api().CreateCUDAProviderOptions(options.out()));
        // By default every new shape is searched exhaustively, and zooming in makes many: on an
        // H100 a first click took 1.9 s (docs/gpu.md).
        const char *const key = "cudnn_conv_algo_search", *const value = "HEURISTIC";
        check(api().UpdateCUDAProviderOptions(options.get(), &key, &value, 1));
        library_.check(
            api().SessionOptionsAppendExecutionProvider_CUDA_V2(settings, options.get()),
            IOEBSS_ERROR_BACKEND,
            "the CUDA provider of ONNX Runtime does not start; a driver, CUDA and cuDNN must be "
            "where the loader finds them");
    }

    Tensor described(const std::string &name, const OrtTensorTypeAndShapeInfo *info) const {
        ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        std::size_t rank = 0;
        check(api().GetTensorElementType(info, &type));
        check(api().GetDimensionsCount(info, &rank));
        Tensor tensor{name, type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, {}};
        tensor.shape.resize(rank);
        check(api().GetDimensions(info, tensor.shape.data(), rank));
        return tensor;
    }

    // The only input or output of the model.
    Tensor only(const std::string &model, bool input) const {
        std::size_t count = 0;
        check(input ? api().SessionGetInputCount(session_.get(), &count)
                    : api().SessionGetOutputCount(session_.get(), &count));
        const std::string expected = input ? kInput : kOutput;
        const std::string name = count == 1 ? name_of_first(input) : "";
        if (name != expected) {
            throw model_error(model + " has " + std::to_string(count) +
                              (input ? " inputs" : " outputs") +
                              (name.empty() ? "" : ", named '" + name + "'") +
                              "; an IOEBSS model has one input 'input' and one output 'logits' "
                              "(export it with ioebss-export)");
        }
        OrtHandle<OrtTypeInfo> type(api().ReleaseTypeInfo);
        check(input ? api().SessionGetInputTypeInfo(session_.get(), 0, type.out())
                    : api().SessionGetOutputTypeInfo(session_.get(), 0, type.out()));
        const OrtTensorTypeAndShapeInfo *info = nullptr;  // belongs to `type`
        check(api().CastTypeInfoToTensorInfo(type.get(), &info));
        Tensor tensor = info == nullptr ? Tensor{name, false, {}} : described(name, info);
        if (!tensor.is_float || tensor.shape.size() != 4) {
            throw model_error(model + ": " + name + " is " +
                              (tensor.is_float ? "float32 " : "of another type, ") +
                              shown(tensor.shape) + "; expected float32 (N, C, H, W)");
        }
        return tensor;
    }

    std::string name_of_first(bool input) const {
        OrtAllocator *allocator = nullptr;  // belongs to the library
        check(api().GetAllocatorWithDefaultOptions(&allocator));
        char *name = nullptr;
        check(input ? api().SessionGetInputName(session_.get(), 0, allocator, &name)
                    : api().SessionGetOutputName(session_.get(), 0, allocator, &name));
        std::string result = name;
        check(api().AllocatorFree(allocator, name));
        return result;
    }

    void check_interface(const std::string &model, const Manifest &manifest) const {
        const Tensor input = only(model, true);
        only(model, false);
        if (input.shape[1] != channels_) {
            throw model_error(model + " takes " + std::to_string(input.shape[1]) +
                              " channels, its manifest says " + std::to_string(channels_) +
                              "; export it again");
        }
        const std::vector<std::int64_t> sides{input.shape[2], input.shape[3]};
        if (!manifest.fixed_size && (sides[0] >= 0 || sides[1] >= 0)) {
            throw model_error(model + " takes " + shown(sides) +
                              " only, its manifest says any size; export again");
        }
        if (manifest.fixed_size &&
            sides != std::vector<std::int64_t>{manifest.fixed_size->first,
                                               manifest.fixed_size->second}) {
            throw model_error(model + " takes " + shown(sides) + ", its manifest says " +
                              shown({manifest.fixed_size->first, manifest.fixed_size->second}) +
                              "; export it again");
        }
    }

    static std::string shown(const std::vector<std::int64_t> &shape) {
        std::string text = "[";
        for (std::int64_t side : shape) {
            text += (text.size() > 1 ? ", " : "") + (side < 0 ? "any" : std::to_string(side));
        }
        return text + "]";
    }

    OnnxRuntimeLibrary library_;
    OrtHandle<OrtEnv> env_;
    OrtHandle<OrtMemoryInfo> memory_;
    OrtHandle<OrtSession> session_;
    std::int64_t channels_;
};

}  // namespace

std::unique_ptr<Backend> open_onnxruntime_cpu(const Source &model, const Manifest &manifest,
                                              const EngineOptions &options) {
    return std::make_unique<OnnxRuntime>(model, manifest, options, false);
}

std::unique_ptr<Backend> open_onnxruntime_cuda(const Source &model, const Manifest &manifest,
                                               const EngineOptions &options) {
    return std::make_unique<OnnxRuntime>(model, manifest, options, true);
}

}  // namespace ioebss::core
