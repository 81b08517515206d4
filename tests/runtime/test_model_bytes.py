"""Models in memory: the masks of their files, and the same refusals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss import (
    BUNDLED,
    BUNDLED_INT8,
    BackendError,
    ModelBytes,
    ModelError,
    Segmenter,
    UsageError,
    choice,
)

MakeModel = Callable[..., Path]


def content(path: Path) -> ModelBytes:
    return ModelBytes(path.read_bytes(), path.with_suffix(".json").read_bytes())


@pytest.fixture
def discs(make_model: MakeModel) -> ModelBytes:
    return content(make_model())


@pytest.mark.parametrize("path", [BUNDLED, BUNDLED_INT8], ids=["float32", "int8"])
def test_the_masks_of_the_file(path: Path, samples: Path) -> None:
    model = content(path)
    memory, file = Segmenter(model), Segmenter(path, precision="exact")
    assert memory.model is model and memory.model.name == "the model in memory"
    assert memory.manifest == file.manifest and memory.precision == file.precision
    one, other = (s.open(samples / "chelsea.jpg") for s in (memory, file))
    for click in ((230, 110, 1), (100, 290, 0)):
        np.testing.assert_array_equal(one.click(*click), other.click(*click))
    np.testing.assert_array_equal(one.probability, other.probability)
    assert one.mask.any()


def test_nothing_lies_beside_it(
    discs: ModelBytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever the current folder holds."""
    monkeypatch.chdir(tmp_path)
    segmenter = Segmenter(discs)
    assert segmenter.backend == "onnxruntime-cpu"
    assert segmenter.reasons[0] == (
        "tensorrt: the model is in memory; engines are opened from files only"
    )
    assert segmenter.reasons[-1].endswith("float32: nothing lies beside the model in memory")
    for precision in ("exact", "fp32"):
        assert Segmenter(discs, precision=precision).precision == "fp32"
    with pytest.raises(UsageError, match="no 8-bit file lies beside it; take the bytes"):
        Segmenter(discs, precision="int8")
    for backend in ("tensorrt", "tensorrt-rtx"):
        with pytest.raises(BackendError, match="engines are opened from files only"):
            Segmenter(discs, backend=backend)


def refused(onnx: bytes, manifest: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        Segmenter(ModelBytes(onnx, manifest))


def test_damaged_models(discs: ModelBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx, manifest = discs.onnx, discs.manifest
    refused(onnx + b" ", manifest, "is not the one that its manifest describes: its sha256 is")
    refused(onnx, manifest[9:], "the manifest in memory cannot be read as JSON")
    refused(onnx, b"\xff\xfe{}", "the manifest in memory cannot be read as JSON")
    refused(onnx, b"[]", "holds no JSON object")
    refused(onnx, b"[" * 100_000, "cannot be read as JSON")
    refused(onnx, b'{"format": 1}', "the manifest in memory lacks architecture, ")
    refused(onnx, b'{"format": 1, "engine_sha256": ""}', "is an engine's; engines are opened")
    refused(onnx, b" " * 1_048_577, "the manifest in memory is larger than 1048576 bytes")
    for junk in (b"", b"no graph"):
        table = json.loads(manifest) | {"sha256": hashlib.sha256(junk).hexdigest()}
        refused(junk, json.dumps(table).encode(), "the model in memory cannot be loaded by onnx")
    monkeypatch.setattr(choice, "MAX_GRAPH_BYTES", len(onnx) - 1)
    refused(onnx, manifest, "the model in memory is larger than")


def test_weights_outside(weights_outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no part of what was checked, wherever they would be read from."""
    monkeypatch.chdir(weights_outside.parent)
    for model in (content(weights_outside), weights_outside):
        with pytest.raises(ModelError, match=r"cannot be loaded by onnxruntime.*weights"):
            Segmenter(model)


def test_what_is_no_bytes(discs: ModelBytes) -> None:
    with pytest.raises(UsageError, match="onnx is of type PosixPath; pass the file's content"):
        ModelBytes(BUNDLED, discs.manifest)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="manifest is of type dict"):
        ModelBytes(discs.onnx, {})  # type: ignore[arg-type]
    assert len(repr(discs)) < 50  # not megabytes in a log
