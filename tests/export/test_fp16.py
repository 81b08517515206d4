"""The export in half precision, as users ask for it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from ioebss import Segmenter
from ioebss.errors import ProofError
from ioebss.export import fp16 as fp16_module
from ioebss.export.fp16 import export_fp16
from ioebss.export.half_graph import to_half
from ioebss.export.photographs import Alone, photo_paths
from ioebss.export.proof import Limits
from ioebss.export.proven import Terms
from ioebss.manifest import read_manifest, sha256_of
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

Command = Callable[..., "subprocess.CompletedProcess[str]"]
QUIET = Progress(quiet=True)


def weights_in_half(path: Path) -> dict[str, bool]:
    return {
        c.name: c.data_type == TensorProto.FLOAT16
        for c in onnx.load(path).graph.initializer
        if len(c.dims) == 4
    }


def test_the_command_as_it_stands(command: Command, tmp_path: Path, samples: Path) -> None:
    result = command("ioebss-export", "--fp16", "--keep-fp32", "stem")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["default.fp16.onnx"]
    assert "62 convolutions in half precision, 1 in float32" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["default.fp16.json", "default.fp16.onnx"]
    model = tmp_path / "default.fp16.onnx"
    kept = [name for name, half in weights_in_half(model).items() if not half]
    assert [name for name in kept if "stem" in name] == ["model.network.backbone.stem.0.weight"]
    manifest = read_manifest(model)
    assert (manifest.name, manifest.precision) == ("default-fp16", "fp16")
    assert manifest.zoom == read_manifest(BUNDLED).zoom and manifest.metrics == []
    half = manifest.training["half"]
    assert half["from"] == sha256_of(BUNDLED) and (half["in_half"], half["in_float"]) == (62, 1)
    assert set(half["kept_in_float32"].values()) == {"normalisation", "asked for"}
    proof = manifest.training["proof"]
    assert proof["mean_iou"] >= 0.995 and proof["worst_iou"] >= 0.98 and proof["photos"] == 4
    assert proof["status"] == "passed"
    assert re.fullmatch(r"onnxruntime-cpu, \d+ tensors rounded to half precision", proof["engine"])
    masks = [
        Segmenter(m, precision="exact").open(samples / "chelsea.jpg").click(230, 110)
        for m in (BUNDLED, model)
    ]
    assert (masks[0] & masks[1]).sum() > 0.99 * (masks[0] | masks[1]).sum()

    for wrong, code, text in (
        ((model, "--fp16"), 2, "default.fp16.onnx is fp16 already; give the float32 model"),
        ((BUNDLED_INT8, "--fp16"), 2, "default.int8.cpu.onnx is int8 already"),
        (("--fp16", "--int8"), 2, "not allowed with"),
        (("--fp16", "--calibration", "r.json"), 2, "--calibration goes with --int8"),
        (("--fp16", "--keep-fp32", "nothing", "-o", "x.onnx"), 2, "no node has a name, or weights"),
        (("--fp16", "-o", "none/x.onnx"), 1, "none is not a folder; make it first"),
        (("none.onnx", "--fp16"), 1, "none.onnx has no manifest"),
        (("--fp16", "--sizes", "64"), 2, "--sizes goes with --engine"),
    ):
        result = command("ioebss-export", *wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
        assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("x*"))


def test_a_run(command: Command, run: Path, tmp_path: Path) -> None:
    result = command("ioebss-export", run, "--fp16", "-o", "tiny.onnx", "--licence", "none")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["tiny.onnx"]
    assert "max |logit difference|" in result.stderr  # float32 was proven against PyTorch before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.json", "tiny.onnx"]
    manifest = read_manifest(tmp_path / "tiny.onnx")
    assert (manifest.precision, manifest.licence) == ("fp16", "none")
    assert any(weights_in_half(tmp_path / "tiny.onnx").values())


def terms(limits: Limits | None = None) -> Terms:
    """A proof on two of the sample photographs."""
    return Terms(Alone(photo_paths(None)), limits=limits, max_photos=2)


def test_a_model_that_differs_is_not_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: Path, in_float: set[str], output: Path) -> tuple[int, int]:
        counts = to_half(model, in_float, output)
        graph = onnx.load(output)
        for constant in graph.graph.initializer:
            if constant.name.startswith("model.network.classifier.bias"):
                values = numpy_helper.to_array(constant) - np.float16(6)
                constant.CopyFrom(numpy_helper.from_array(values, constant.name))
        onnx.save(graph, output)
        return counts

    monkeypatch.setattr(fp16_module, "to_half", wrong)
    with pytest.raises(ProofError, match=r"nothing was written: half\.onnx is not as demanded"):
        export_fp16(BUNDLED, tmp_path / "half.onnx", terms(), QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["half.proof"]  # the report


def test_the_worst_mask_is_judged_too(tmp_path: Path) -> None:
    limits = Limits(mean_iou=0.9, worst_iou=1.0)
    with pytest.raises(ProofError, match=r"IoU 0\.9.* with the reference on \w+\.jpg, demanded 1"):
        export_fp16(BUNDLED, tmp_path / "half.onnx", terms(limits), QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["half.proof"]  # the report
