from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ioebss import BUNDLED_INT8, Segmenter, backends
from ioebss.backends.onnxruntime_graph import failed, import_onnxruntime
from ioebss.errors import BackendError, DeviceMemoryError, MissingExtraError, ModelError, UsageError
from ioebss.image_files import read_photo
from ioebss.manifest import sha256_of

MakeModel = Callable[..., Path]
Edit = Callable[[Path, dict[str, object]], None]


def test_auto_takes_the_first_that_works_and_logs_the_reasons(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> backends.Backend:
        raise BackendError("no driver")

    monkeypatch.setattr(backends, "BACKENDS", {"gpu": refuse, **backends.BACKENDS})
    with caplog.at_level(logging.INFO, "ioebss"):
        assert Segmenter(make_model()).backend == "onnxruntime-cpu"
    assert "backend gpu refused: no driver" in caplog.messages
    with pytest.raises(BackendError, match="no driver"):
        Segmenter(make_model(), backend="gpu")  # asked for by name: no fallback
    monkeypatch.setattr(backends, "BACKENDS", {"gpu": refuse})
    with pytest.raises(BackendError, match="no inference engine can be used: gpu: no driver"):
        Segmenter(make_model())


def test_an_interrupt_while_an_engine_loads_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "raise ImportError('initialization failed') from KeyboardInterrupt()"
    (tmp_path / "onnxruntime.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    with pytest.raises(KeyboardInterrupt):
        import_onnxruntime("cpu")


def test_unknown_backend(make_model: MakeModel) -> None:
    with pytest.raises(
        UsageError,
        match="choose one of auto, tensorrt, tensorrt-rtx, onnxruntime-cuda, onnxruntime-cpu",
    ):
        Segmenter(make_model(), backend="abacus")


def test_a_missing_engine_is_answered_with_the_pip_line(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ioebss\[cpu\]"'):
        Segmenter(make_model(), backend="onnxruntime-cpu")


def test_a_corrupt_graph(make_model: MakeModel, edit_manifest: Edit) -> None:
    model = make_model()
    model.write_bytes(b"\x08\x09garbage" * 10)
    edit_manifest(model, {"sha256": sha256_of(model)})
    with pytest.raises(ModelError, match="cannot be loaded by onnxruntime"):
        Segmenter(model)


def test_a_graph_with_other_names(make_model: MakeModel, edit_manifest: Edit) -> None:
    model = make_model()
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [value("x", TensorProto.FLOAT, ["n", 6, "h", "w"])],
        [value("y", TensorProto.FLOAT, ["n", 6, "h", "w"])],
    )
    other = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    other.ir_version = 9
    onnx.save(other, model)
    edit_manifest(model, {"sha256": sha256_of(model)})
    with pytest.raises(ModelError, match=r"inputs \['x'\] and outputs \['y'\]"):
        Segmenter(model)


def test_logits_of_another_shape(make_model: MakeModel, edit_manifest: Edit) -> None:
    model = make_model()
    graph = onnx.load(model)
    (node,) = graph.graph.node
    node.attribute.extend([helper.make_attribute("strides", [2, 2])])
    onnx.save(graph, model)
    edit_manifest(model, {"sha256": sha256_of(model)})
    session = Segmenter(model).open(np.zeros((96, 128, 3), np.uint8))
    with pytest.raises(
        ModelError, match=r"logits of shape \(1, 1, 48, 64\), not \(1, 1, 96, 128\)"
    ):
        session.click(3, 4)
    assert session.clicks == ()


def test_a_manifest_of_other_channels_or_sizes(make_model: MakeModel, edit_manifest: Edit) -> None:
    model = make_model(6)
    channels = ["red", "green", "blue", "positive", "negative"]
    edit_manifest(model, {"channels": channels})
    with pytest.raises(ModelError, match="takes 6 channels, its manifest says 5"):
        Segmenter(model)
    model = make_model(6, side=64)
    edit_manifest(model, {"fixed_size": [128, 128]})
    with pytest.raises(ModelError, match=r"takes \[64, 64\], its manifest says \[128, 128\]"):
        Segmenter(model)
    model = make_model(6, side=64, fixed_size=None)
    with pytest.raises(ModelError, match="its manifest says any size"):
        Segmenter(model)


def test_sizes_and_threads(make_model: MakeModel) -> None:
    photo = np.zeros((100, 200, 3), np.uint8)
    segmenter = Segmenter(make_model(), size=64, threads=1)
    inner, shapes = segmenter._backend, []

    class Watching:
        name = inner.name

        def run(self, inputs: np.ndarray) -> np.ndarray:
            shapes.append(inputs.shape)
            return inner.run(inputs)

    segmenter._backend = Watching()
    segmenter.open(photo).click(10, 10)
    assert shapes == [(1, 6, 32, 64)]
    for size in (0, -16, 100, 8192):
        with pytest.raises(UsageError, match=f"size = {size}; it must be a multiple of 16"):
            Segmenter(make_model(), size=size)
    with pytest.raises(UsageError, match="takes 64x64 only"):
        Segmenter(make_model(side=64), size=128)
    with pytest.raises(UsageError, match="threads = 0"):
        Segmenter(make_model(), threads=0)
    for wrong in ("64", 64.0):
        with pytest.raises(UsageError, match=f"size = {wrong!r}; it must be a multiple of 16"):
            Segmenter(make_model(), size=wrong)  # type: ignore[arg-type]
    for wrong in ("2", 1.5):
        with pytest.raises(UsageError, match=f"threads = {wrong!r}; it must be 1 to 9999"):
            Segmenter(make_model(), threads=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "given", "more"), [("3", None, 2), ("1", None, 0), ("3", 2, 1), ("1", 3, 2)]
)
def test_the_environment_says_how_many_threads(
    make_model: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    given: int | None,
    more: int,
) -> None:
    """Counted by the kernel: the thread that calls is one of them."""
    monkeypatch.setenv("IOEBSS_THREADS", said)
    model, tasks = make_model(), Path("/proc/self/task")
    before = len(list(tasks.iterdir()))
    segmenter = Segmenter(model, backend="onnxruntime-cpu", precision="exact", threads=given)
    assert len(list(tasks.iterdir())) - before == more
    del segmenter


@pytest.mark.parametrize("said", ["0", "-1", "two", "1.5", "99999", "4,2"])
def test_what_the_environment_says_is_checked(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("IOEBSS_THREADS", said)
    with pytest.raises(UsageError, match=f"IOEBSS_THREADS={said}: it must be a number of threads"):
        Segmenter(make_model(), backend="onnxruntime-cpu", precision="exact")


@pytest.mark.parametrize("threads", [0, 3_000_000_000])
def test_threads_out_of_range(make_model: MakeModel, threads: int) -> None:
    with pytest.raises(UsageError, match=f"threads = {threads}; it must be 1 to 9999"):
        Segmenter(make_model(), threads=threads)


def test_memory_that_is_used_up_is_told_from_other_failures() -> None:
    for text in ("CUDA failure 2: out of memory", "BFCArena: Failed to allocate memory for 9"):
        error = failed(RuntimeError(f"{text}\nand more"))
        assert isinstance(error, DeviceMemoryError) and str(error).endswith(text)
    assert type(failed(RuntimeError("no kernel"))) is BackendError


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        Segmenter(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is a folder, not a model file"):
        Segmenter(tmp_path)


def test_8_bits_do_not_overflow(samples: Path) -> None:
    # On x86 without VNNI two 8-bit products overflow 16 bits, and the mask goes to pieces; the same
    # graph in float arithmetic cannot overflow.
    backend = Segmenter(BUNDLED_INT8, backend="onnxruntime-cpu", precision="exact")._backend
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    exact = onnxruntime.InferenceSession(BUNDLED_INT8, options, ["CPUExecutionProvider"])
    for name, (x, y) in {"chelsea": (230, 110), "coffee": (300, 200)}.items():
        photo = read_photo(samples / f"{name}.jpg")[:288, :448]
        inputs = np.zeros((1, 6, *photo.shape[:2]), np.float32)
        inputs[0, :3] = photo.transpose(2, 0, 1)
        inputs[0, 3, y - 5 : y + 6, x - 5 : x + 6] = 1
        (expected,) = exact.run(None, {"input": inputs})
        assert np.abs(backend.run(inputs) - expected).mean() < 0.06
