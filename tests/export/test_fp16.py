"""The export in half precision, as users ask for it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

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


def test_the_command_as_it_stands(
    command: Command, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half precision is made of the graph alone: without PyTorch too."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "torch.py").write_text("raise ImportError('there is no torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "without"))
    result = command("ioebss-export", "--fp16", "--keep-fp32", "stem")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["default.fp16.onnx"]
    assert "62 convolutions in half precision, 1 in float32" in result.stderr
    assert sorted(p.name for p in tmp_path.glob("*.*")) == [
        "default.fp16.json",
        "default.fp16.onnx",
    ]
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


def test_what_makes_no_sense_is_refused(
    call: Command, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    model = make_model(precision="fp16")
    for wrong, code, text in (
        ((model, "--fp16"), 2, "discs.onnx is fp16 already; give the float32 model"),
        ((BUNDLED_INT8, "--fp16"), 2, "default.int8.cpu.onnx is int8 already"),
        (("--fp16", "--int8"), 2, "not allowed with"),
        (("--fp16", "--calibration", "r.json"), 2, "--calibration goes with --int8"),
        (("--fp16", "--keep-fp32", "nothing", "-o", "x.onnx"), 2, "no node has a name, or weights"),
        (("--fp16", "-o", "none/x.onnx"), 1, "none is not a folder; make it first"),
        (("none.onnx", "--fp16"), 1, "none.onnx does not exist: no such model file"),
        (("--fp16", "--sizes", "64"), 2, "--sizes goes with --engine"),
    ):
        result = call("ioebss-export", *wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    ("error", "limits", "words"),
    [
        (6, None, r"nothing was written: half\.onnx is not as demanded: mean IoU"),
        (1, Limits(mean_iou=0.5, worst_iou=1.0), r"IoU 0\.\d+ with .* on \w+\.jpg, demanded 1"),
    ],
)
def test_a_model_that_differs_is_not_handed_over(
    make_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    limits: Limits | None,
    words: str,
) -> None:
    def wrong(model: Path, in_float: set[str], output: Path) -> tuple[int, int]:
        counts = to_half(model, in_float, output)
        graph = onnx.load(output)
        (bias,) = (c for c in graph.graph.initializer if c.name.startswith("bias"))
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) - error, bias.name))
        onnx.save(graph, output)
        return counts

    monkeypatch.setattr(fp16_module, "to_half", wrong)
    terms = Terms(Alone(photo_paths(None)), limits=limits, max_photos=2)
    with pytest.raises(ProofError, match=words):
        export_fp16(make_model(), tmp_path / "half.onnx", terms, QUIET)
    assert not list(tmp_path.glob("half.[oj]*"))
    assert list(tmp_path.glob("half.proof/*"))  # the report
