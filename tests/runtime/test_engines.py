"""Engines beside a model and by themselves: taken, or refused with a reason. The driver and the
library are stand-ins; the rest is real.
"""

from __future__ import annotations

import ctypes
import logging
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ioebss import BUNDLED_INT8, Segmenter
from ioebss.backends import tensorrt
from ioebss.choice import engine_path
from ioebss.engine_files import (
    EngineManifest,
    Profile,
    read_engine_manifest,
    write_engine_manifest,
)
from ioebss.errors import (
    BackendError,
    DeviceMemoryError,
    EngineMismatchError,
    MissingExtraError,
    ModelError,
)
from ioebss.manifest import read_manifest, sha256_of
from ioebss.windows import Zoom

from .host_driver import HostDriver
from .host_library import make_library

MakeModel = Callable[..., Path]
FakeDriver = Callable[..., None]
PHOTO = np.random.default_rng(5).integers(0, 256, (133, 201, 3), np.uint8)
VERSION = "11.4.0.22"


@dataclass
class Machine:
    """A model, the engine made from it, and the GPU that is to run it."""

    model: Path
    engine: Path
    driver: HostDriver

    def change(self, **changes: object) -> None:
        """Changes the engine's manifest."""
        manifest = read_engine_manifest(self.engine)
        write_engine_manifest(replace(manifest, **changes), self.engine)  # type: ignore[arg-type]


@pytest.fixture
def machine(
    make_model: MakeModel,
    fake_driver: FakeDriver,
    host_kernels: ctypes.CDLL,
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    fake_driver(capability=90)
    driver = HostDriver(host_kernels)
    monkeypatch.setattr(tensorrt, "PyCudaDriver", lambda: driver)
    monkeypatch.setitem(sys.modules, "tensorrt", make_library(driver, VERSION))
    model = make_model(zoom=Zoom(1.5, 1.1, 30, 0.6), recommended_sizes=(96,))
    engine = engine_path(model, "tensorrt")
    assert engine.name == "discs.tensorrt.engine"
    shutil.copy(model, engine)
    manifest = read_manifest(model)
    shapes = Profile((1, 16, 16), (1, 96, 96), (1, 96, 96))
    write_engine_manifest(
        EngineManifest(
            flavour="tensorrt",
            version=VERSION,
            compute_capability=("9.0",),
            precision=manifest.precision,
            profile=(Profile((1, 48, 48), (1, 64, 64), (1, 64, 64)), shapes),
            onnx=model.name,
            onnx_sha256=manifest.sha256,
            engine_sha256=sha256_of(engine),
            model=manifest,
            proof={"status": "passed", "reason": "100 photographs"},
        ),
        engine,
    )
    return Machine(model, engine, driver)


def test_an_engine_beside_the_model_comes_first(machine: Machine) -> None:
    segmenter = Segmenter(machine.model)
    assert (segmenter.backend, segmenter.model) == ("tensorrt", machine.engine)
    assert segmenter.reasons == (
        "tensorrt: discs.tensorrt.engine in fp32, proof passed: 100 photographs",
    )
    host = Segmenter(machine.model, precision="exact")
    assert (host.backend, host.model) == ("onnxruntime-cpu", machine.model)
    with segmenter.open(PHOTO) as session, host.open(PHOTO) as reference:
        for x, y, label in ((60, 50, 1), (70, 60, 1), (90, 90, 0), (10, 20, 1)):
            np.testing.assert_array_equal(session.click(x, y, label), reference.click(x, y, label))
        np.testing.assert_array_equal(session.undo(), reference.undo())
    inputs = np.random.default_rng(0).random((1, 6, 48, 64), np.float32)
    np.testing.assert_array_equal(segmenter._backend.run(inputs), host._backend.run(inputs))


def test_mirrored_too(machine: Machine) -> None:
    masks = [
        Segmenter(machine.model, precision=p, flip=True).open(PHOTO).click(60, 50)
        for p in ("auto", "exact")
    ]
    np.testing.assert_array_equal(*masks)


def test_an_engine_alone_is_a_model(machine: Machine) -> None:
    machine.model.unlink()
    machine.model.with_suffix(".json").unlink()
    segmenter = Segmenter(machine.engine)
    assert segmenter.backend == "tensorrt" and segmenter.manifest.name == "discs"
    assert segmenter.size == 96
    assert segmenter.open(PHOTO).click(60, 50).any()


def test_sessions_give_back_all_they_take(machine: Machine) -> None:
    segmenter = Segmenter(machine.model)
    before = machine.driver.held
    sessions = [segmenter.open(PHOTO) for _ in range(3)]
    for session in sessions:
        session.click(60, 50)
    for session in sessions:
        session.close()
    assert machine.driver.held == before
    del segmenter, sessions, session
    assert machine.driver.held == 0


MISMATCHES: list[tuple[dict[str, object], str]] = [
    ({"version": "11.3.0.14"}, r"its version is 11\.3\.0\.14, wanted is 11\.4\.0\.22"),
    ({"compute_capability": ("8.9",)}, r"its compute_capability is 8\.9, wanted is 9\.0"),
    ({"compute_capability": ("10.0+", "8.0")}, r"10\.0\+, 8\.0, wanted is 9\.0"),
]


@pytest.mark.parametrize(("changes", "reason"), MISMATCHES)
def test_an_engine_that_was_built_for_another_machine(
    machine: Machine, caplog: pytest.LogCaptureFixture, changes: dict[str, object], reason: str
) -> None:
    machine.change(**changes)
    for model in (machine.model, machine.engine):  # by name: no fallback
        with pytest.raises(EngineMismatchError, match=f"{reason}; rebuild it: ioebss-export"):
            Segmenter(model, backend="tensorrt")
    with pytest.raises(
        BackendError, match=f"no inference engine can be used: tensorrt: .*{reason}"
    ):
        Segmenter(machine.engine)
    with caplog.at_level(logging.INFO, "ioebss"):
        segmenter = Segmenter(machine.model)
    assert segmenter.backend == "onnxruntime-cpu"
    (line,) = (m for m in caplog.messages if m.startswith("backend tensorrt refused"))
    assert line.removeprefix("backend tensorrt refused: ") in segmenter.reasons[0]
    assert machine.driver.held == 0


def test_an_engine_of_another_model_or_a_changed_one(machine: Machine) -> None:
    manifest = read_engine_manifest(machine.engine)
    other = replace(manifest.model, sha256="0" * 64)
    machine.change(onnx_sha256="0" * 64, model=other)
    with pytest.raises(
        EngineMismatchError, match=r"was built of discs\.onnx \(sha256 000000000000"
    ):
        Segmenter(machine.model, backend="tensorrt")
    with pytest.raises(EngineMismatchError, match="its onnx_sha256 is 0000"):  # the ONNX beside it
        Segmenter(machine.engine, backend="tensorrt")
    assert Segmenter(machine.model).backend == "onnxruntime-cpu"
    machine.model.unlink()  # without it there is nothing to compare with
    assert Segmenter(machine.engine).backend == "tensorrt"


def test_a_truncated_engine(machine: Machine) -> None:
    machine.engine.write_bytes(machine.engine.read_bytes()[:-100])
    for model in (machine.model, machine.engine):
        with pytest.raises(ModelError, match="it is truncated or another one"):
            Segmenter(model, backend="tensorrt")
    with pytest.raises(ModelError, match="it is truncated or another one"):
        Segmenter(machine.engine)
    segmenter = Segmenter(machine.model)
    assert segmenter.backend == "onnxruntime-cpu"
    assert "truncated" in segmenter.reasons[0]
    assert machine.driver.held == 0


def test_an_engine_that_does_not_load(machine: Machine) -> None:
    machine.engine.write_bytes(b"no plan")
    machine.change(engine_sha256=sha256_of(machine.engine))
    with pytest.raises(ModelError, match="cannot be loaded by tensorrt: deserialization failed"):
        Segmenter(machine.engine)
    assert Segmenter(machine.model).backend == "onnxruntime-cpu"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tensors": ("input", "output")},
            r"has the tensors \['input', 'output'\]; an IOEBSS engine",
        ),
        ({"tensors": ("input", "logits", "more")}, "has the tensors"),
        ({"kind": "half"}, "input is half; expected float32 at the edges"),
    ],
)
def test_an_engine_of_something_else(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    library = make_library(machine.driver, VERSION, **changes)
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    with pytest.raises(ModelError, match=message):
        Segmenter(machine.engine)
    assert machine.driver.held == 0


def test_a_damaged_manifest_of_an_engine(machine: Machine) -> None:
    machine.engine.with_name(machine.engine.name + ".json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        Segmenter(machine.model, backend="tensorrt")
    assert Segmenter(machine.model).backend == "onnxruntime-cpu"


def test_proofs(machine: Machine) -> None:
    machine.change(proof={"status": "not run", "reason": "no GPU for this engine"})
    assert "proof not run: no GPU for this engine" in Segmenter(machine.model).reasons[0]
    machine.change(proof={"status": "failed", "reason": "mean IoU 0.9"})
    segmenter = Segmenter(machine.model)
    assert segmenter.backend == "onnxruntime-cpu"
    assert "failed its proof: mean IoU 0.9" in segmenter.reasons[0]


def test_precisions_of_engines(machine: Machine) -> None:
    assert Segmenter(machine.model, precision="fp32").backend == "tensorrt"
    half = replace(
        read_engine_manifest(machine.engine).model,
        precision="fp16",
        sha256="1" * 64,
        training={"half": {"from": sha256_of(machine.model)}},
    )
    machine.change(precision="fp16", model=half, onnx_sha256="1" * 64, onnx="discs.fp16.onnx")
    segmenter = Segmenter(machine.model)
    assert (segmenter.backend, segmenter.precision) == ("tensorrt", "fp16")
    segmenter = Segmenter(machine.model, precision="fp32")
    assert segmenter.backend == "onnxruntime-cpu"
    assert "is in fp16, fp32 was asked for" in segmenter.reasons[0]


def test_engines_and_backends_that_do_not_go_together(machine: Machine) -> None:
    with pytest.raises(BackendError, match=r"discs\.tensorrt\.engine is an engine of tensorrt"):
        Segmenter(machine.engine, backend="tensorrt-rtx")
    with pytest.raises(BackendError, match="is an engine; this runs ONNX files"):
        Segmenter(machine.engine, backend="onnxruntime-cpu")
    machine.engine.unlink()
    command = f"ioebss-export {machine.model} --engine tensorrt -o {machine.engine} builds one"
    with pytest.raises(BackendError, match=re.escape(command)):  # wherever it is typed
        Segmenter(machine.model, backend="tensorrt")
    with pytest.raises(ModelError, match="does not exist"):
        Segmenter(machine.engine)


def test_an_input_that_the_engine_was_not_built_for(machine: Machine) -> None:
    machine.change(profile=(Profile((1, 64, 64), (1, 64, 64), (1, 64, 64)),))
    session = Segmenter(machine.engine).open(PHOTO)
    with pytest.raises(
        EngineMismatchError, match=r"wanted is 1x64x96; rebuild it: .*--sizes 64,96"
    ):
        session.click(60, 50)
    assert session.clicks == ()


def test_a_size_that_the_engine_beside_the_model_does_not_take(machine: Machine) -> None:
    segmenter = Segmenter(machine.model, size=112)
    assert (segmenter.backend, segmenter.model) == ("onnxruntime-cpu", machine.model)
    assert re.search(r"tensorrt: .* wanted is 1x112x112; rebuild it: ", segmenter.reasons[0])
    assert segmenter.open(PHOTO).click(60, 50).any()
    with pytest.raises(EngineMismatchError, match="--sizes 64,96,112"):
        Segmenter(machine.model, backend="tensorrt", size=112)


def test_an_engine_that_fails(machine: Machine) -> None:
    segmenter = Segmenter(machine.model)
    inputs = np.full((1, 6, 48, 48), np.nan, np.float32)
    with pytest.raises(BackendError, match="failed: IExecutionContext::enqueueV3: an error"):
        segmenter._backend.run(inputs)
    inputs[:] = 0
    assert segmenter._backend.run(inputs).shape == (1, 1, 48, 48)


def test_out_of_memory(machine: Machine) -> None:
    segmenter = Segmenter(machine.model)
    before = machine.driver.held
    machine.driver._free = 1000
    with pytest.raises(DeviceMemoryError, match="makes no execution context: out of memory"):
        segmenter.open(PHOTO)
    machine.driver._free = 50_000
    with pytest.raises(DeviceMemoryError, match="the GPU's memory is used up"):
        segmenter.open(PHOTO)
    assert machine.driver.held == before


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"version": 12080}, r"the NVIDIA driver is too old: it speaks CUDA 12\.8"),
        ({"gpus": 0}, "the NVIDIA driver sees no GPU"),
        ({"init": 999}, "the NVIDIA driver does not start"),
    ],
)
def test_drivers_that_will_not_do(
    machine: Machine, fake_driver: FakeDriver, answers: dict[str, int], reason: str
) -> None:
    fake_driver(**answers)
    with pytest.raises(BackendError, match=reason):
        Segmenter(machine.engine, backend="tensorrt")
    segmenter = Segmenter(machine.model)
    assert segmenter.backend == "onnxruntime-cpu"
    assert [r.partition(":")[0] for r in segmenter.reasons] == [
        "tensorrt",
        "tensorrt-rtx",
        "onnxruntime-cuda",
        "onnxruntime-cpu",
    ]


def test_a_missing_library_is_answered_with_the_pip_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ioebss\[gpu\]"'):
        Segmenter(machine.engine, backend="tensorrt")


def test_missing_pycuda_is_answered_with_the_pip_line(
    fake_driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ioebss.gpu.pycuda_driver import PyCudaDriver

    fake_driver()
    monkeypatch.setitem(sys.modules, "pycuda", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ioebss\[gpu\]"'):
        PyCudaDriver()


def test_onnxruntime_without_its_cuda_provider(
    make_model: MakeModel, fake_driver: FakeDriver
) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has it")
    fake_driver()
    with pytest.raises(BackendError, match=r'has no CUDA provider: .*pip install "ioebss\[gpu\]"'):
        Segmenter(make_model(), backend="onnxruntime-cuda")


def test_eight_bit_files_are_for_the_cpu(make_model: MakeModel) -> None:
    with pytest.raises(BackendError, match="8-bit ONNX files are made for onnxruntime-cpu"):
        Segmenter(make_model(), backend="onnxruntime-cuda", precision="int8")
    with pytest.raises(BackendError, match="8-bit ONNX files are made for onnxruntime-cpu"):
        Segmenter(BUNDLED_INT8, backend="onnxruntime-cuda")  # named itself
