"""`ioebss-calibrate` as people run it: repeatable, refusing what is wrong, with sensitivities."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.calibration.ranges import read_ranges
from ioebss.segmenter import BUNDLED

Command = Callable[..., subprocess.CompletedProcess[str]]
MakeModel = Callable[..., Path]


def test_the_bundled_model_is_calibrated_alike_again(
    command: Command, ellipses: Path, tmp_path: Path
) -> None:
    """With as many threads as there are; the file is the same byte for byte."""
    files = []
    for _ in range(2):
        arguments = ("--data", ellipses, "--photos", 2, "-o", "ranges.json")
        result = command("ioebss-calibrate", BUNDLED, *arguments)
        assert result.returncode == 0, result.stderr
        files.append((tmp_path / "ranges.json").read_bytes())
    assert files[0] == files[1]
    low, high = read_ranges(tmp_path / "ranges.json").ranges["mul"]  # the photo times 1 / 128
    assert 0 <= low < 0.5 and 1.5 < high <= 255 / 128


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_histograms_are_made_alike_again(
    method: str, command: Command, make_chain: Callable[..., Path], ellipses: Path, tmp_path: Path
) -> None:
    model, files = make_chain(), []
    for _ in range(2):
        arguments = ("--data", ellipses, "--photos", 3, "--method", method, "-o", "ranges.json")
        result = command("ioebss-calibrate", model, *arguments)
        assert result.returncode == 0, result.stderr
        files.append((tmp_path / "ranges.json").read_bytes())
    assert files[0] == files[1]
    assert read_ranges(tmp_path / "ranges.json").method == method


def test_data_that_cannot_be_read(
    call: Command, make_model: MakeModel, ellipses: Path, tmp_path: Path
) -> None:
    model = make_model()
    (tmp_path / "empty").mkdir()
    for folder in ("images", "masks"):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
    damaged = tmp_path / "damaged"
    shutil.copytree(ellipses, damaged)
    for photo in (damaged / "JPEGImages").iterdir():
        photo.write_bytes(photo.read_bytes()[:2000])
    unlisted = tmp_path / "unlisted"
    shutil.copytree(ellipses, unlisted)
    (unlisted / "ImageSets" / "Segmentation" / "train.txt").write_text("")
    for data, text in (
        ("none", "is not a folder"),
        ("empty", "has none of the layouts"),
        ("pairs", "pairs"),
        ("damaged", "cannot be decoded"),
        ("unlisted", "lists no photo"),
    ):
        result = call("ioebss-calibrate", model, "--data", tmp_path / data, "-o", "ranges.json")
        assert result.returncode == 1, (data, result.stderr)
        assert text in result.stderr, (data, result.stderr)
        assert not (tmp_path / "ranges.json").exists()


def test_sensitivity(
    command: Command,
    call: Command,
    make_chain: Callable[..., Path],
    ellipses: Path,
    tmp_path: Path,
) -> None:
    arguments = ("ioebss-calibrate", make_chain("conv.1.weight"), "--data", ellipses)
    arguments = (*arguments, "--photos", 2, "-o", "ranges.json")
    result = command(*arguments, "--sensitivity", "layers", "--sensitivity-photos", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "ranges.json"
    assert result.stdout.splitlines()[-1] == "layers"
    assert result.stdout.splitlines()[2].endswith("conv.1.weight")  # below the table's head
    assert "sensitivity 5/5" in result.stderr
    table = json.loads((tmp_path / "layers" / "sensitivity.json").read_text())
    assert min(table["layers"], key=lambda row: row["mean_iou"])["weight"] == "conv.1.weight"
    assert table["sha256"] == read_ranges(tmp_path / "ranges.json").sha256
    assert table["samples"]["seed"] == 1 and table["samples"]["photos"] == 2
    first = (tmp_path / "layers" / "sensitivity.json").read_bytes()
    command(*arguments, "--sensitivity", "layers", "--sensitivity-photos", 2)
    assert (tmp_path / "layers" / "sensitivity.json").read_bytes() == first

    (tmp_path / "file").touch()
    (tmp_path / "ranges.json").unlink()
    for wrong, code, text in (
        (("--sensitivity", "file"), 2, "is a file; name a folder"),
        (("--sensitivity", "none/layers"), 1, "is not a folder; make it first"),
        (("--sensitivity", "layers", "--sensitivity-photos", 0), 2, "must be 1 or more"),
        (("--sensitivity-photos", 2), 2, "goes with --sensitivity"),
    ):
        result = call(*arguments, *wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
        assert not (tmp_path / "ranges.json").exists()  # refused before anything is measured
