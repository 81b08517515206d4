"""The 8-bit export of the bundled model, end to end."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from ioebss import Segmenter
from ioebss.errors import DataError, ImageError
from ioebss.export.int8 import ranges_for
from ioebss.image_files import read_photo
from ioebss.manifest import read_manifest, sha256_of
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

Command = Callable[..., subprocess.CompletedProcess[str]]
QUIET = Progress(quiet=True)
KEEP = ("--keep-fp32", "stem", "--keep-fp32", "blocks.0.")


@pytest.fixture(scope="module")
def ranges(
    tmp_path_factory: pytest.TempPathFactory,
    command_in: Callable[[Path], Command],
    ellipses: Path,
) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    words = (BUNDLED, "--data", ellipses, "--photos", "4", "-o", "ranges.json")
    result = command_in(folder)("ioebss-calibrate", *words)
    assert result.returncode == 0, result.stderr
    return folder / "ranges.json"


@pytest.fixture
def arguments(ranges: Path, ellipses: Path) -> tuple[object, ...]:
    """A command to begin with."""
    return ("ioebss-export", BUNDLED, "--int8", "--calibration", ranges, "--data", ellipses)


def test_the_commands(
    command: Command,
    call: Command,
    arguments: tuple[object, ...],
    tmp_path: Path,
    samples: Path,
) -> None:
    proof = ("--proof-photos", "2", "--noc", "20")  # two drawn ellipses say nothing of clicks
    least = ("--mean-iou", "0.9", "--report", "reports")
    result = command(*arguments, *KEEP, *proof, "-o", "eight.onnx", *least)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["eight.int8.cpu.onnx", "eight.int8.trt.onnx"]
    total = sum(node.op_type == "Conv" for node in onnx.load(BUNDLED).graph.node)
    kept = 4  # stem, depthwise and projection of the first block, classifier
    photo = read_photo(samples / "chelsea.jpg")
    expected = Segmenter(BUNDLED, precision="exact").open(photo).click(230, 110)
    for name, target in (("eight.int8.cpu.onnx", "cpu"), ("eight.int8.trt.onnx", "tensorrt")):
        assert f"{name}: {total - kept} convolutions in 8 bits, {kept} in float32" in result.stderr
        model = tmp_path / name
        manifest = read_manifest(model)
        assert manifest.precision == "int8" and manifest.metrics == []
        assert manifest.training["quantisation"]["from"] == sha256_of(BUNDLED)
        assert manifest.training["quantisation"]["target"] == target
        assert manifest.training["proof"]["mean_iou"] > 0.9
        assert manifest.training["proof"]["engine"] == "onnxruntime-cpu"
        report = json.loads((tmp_path / "reports" / model.stem / "proof.json").read_text())
        assert report["status"] == "passed"
        assert model.stat().st_size < 0.35 * BUNDLED.stat().st_size
        mask = Segmenter(model).open(photo).click(230, 110)
        assert (mask & expected).sum() > 0.9 * (mask | expected).sum()

    result = call(*arguments, *KEEP, *proof, "-o", "never.onnx", "--mean-iou", "1.0")
    assert result.returncode == 1
    assert "nothing was written: never.int8.cpu.onnx is not as demanded" in result.stderr
    assert [path.name for path in tmp_path.glob("never*")] == ["never.int8.cpu.proof"]


def test_what_makes_no_sense_is_refused(
    call: Command, arguments: tuple[object, ...], ranges: Path, tmp_path: Path
) -> None:
    model, data = BUNDLED_INT8, arguments[5:]
    other = json.loads(ranges.read_text()) | {"sha256": "0" * 64}
    (tmp_path / "other.json").write_text(json.dumps(other))
    (tmp_path / "empty").mkdir()
    for wrong, code, text in (
        (("ioebss-export", "--int8", "-o", "x.onnx"), 2, "--int8 needs --calibration"),
        (("ioebss-export", BUNDLED, "-o", "x.onnx"), 2, "is exported already; say --fp16"),
        (("ioebss-export", BUNDLED, "--engine", "auto", *KEEP), 2, "--keep-fp32 goes with --fp16"),
        ((*arguments, "-o", "x.onnx", "--zoom"), 2, "--zoom goes with a RUN only"),
        ((*arguments, "-o", "x.onnx", "--mean-iou", "2"), 2, "must be 0 to 1"),
        ((*arguments[:5], "-o", "x.onnx", "--split", "val"), 2, "--split goes with --data"),
        ((*arguments, "-o", "x.pt"), 2, "x.pt: the file must be named .onnx"),
        ((*arguments, "-o", "none/x.onnx"), 1, "none is not a folder; make it first"),
        (("ioebss-export", model, *arguments[2:], "-o", "x.onnx"), 2, "is int8 already"),
        ((*arguments, "--calibration", "other.json", "-o", "x.onnx"), 2, "another model"),
        ((*arguments, "--calibration", "no.json", "-o", "x.onnx"), 1, "no.json cannot be read"),
        ((*arguments, "--calibration", "empty", "-o", "x.onnx"), 1, "none of the layouts"),
        ((*arguments, "--keep-fp32", "nothing", "-o", "x.onnx"), 2, "named like 'nothing'"),
        (("ioebss-calibrate", model, *data, "-o", "r.json"), 2, "calibrate the float32 model"),
    ):
        result = call(*wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
    assert not list(tmp_path.glob("x*"))


def test_a_folder_is_calibrated_on(ellipses: Path, make_model: Callable[..., Path]) -> None:
    model = make_model()
    ranges = ranges_for(model, ellipses, QUIET, "the command")
    assert ranges.sha256 == sha256_of(model) and ranges.method == "minmax"
    assert ranges.samples["data"] == ["ellipses"] and ranges.samples["split"] == "train"
    assert ranges.samples["command"] == "the command"
    assert ranges.ranges["input"][1] > 100  # colours


def test_photographs_without_objects(
    ellipses: Path, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    folder = shutil.copytree(ellipses, tmp_path / "data")
    for path in (folder / "SegmentationObject").iterdir():
        Image.fromarray(np.zeros((120, 160), np.uint8)).save(path)
    with pytest.raises(DataError, match="nothing to calibrate on"):
        ranges_for(make_model(), folder, QUIET)
    for path in (folder / "JPEGImages").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(ImageError):
        ranges_for(make_model(), folder, QUIET)
