"""Layers are left in float32 until the masks agree: those that are hurt, and no others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss.calibration.agreement import Reference
from ioebss.calibration.cpu_graph import Census, quantise_for_cpu
from ioebss.calibration.exclusion import exclude_layers, exclude_on_photos
from ioebss.calibration.ranges import Ranges
from ioebss.errors import DataError, ProofError, UsageError
from ioebss.manifest import read_manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import Scene

QUIET = Progress(quiet=True)
DEMANDED = 0.975
MakeChain = Callable[..., Path]
Command = Callable[..., subprocess.CompletedProcess[str]]
RangesOf = Callable[[Path], Ranges]


@pytest.fixture
def reference_of(recorded: list[np.ndarray]) -> Callable[[Path], Reference]:
    return lambda model: Reference(model, recorded)


ReferenceOf = Callable[[Path], Reference]


# The name of the second lies within that of the first: they must not be mistaken.
@pytest.mark.parametrize("hurt", ["last.conv.1.weight", "conv.1.weight", "conv.10.weight"])
def test_the_layer_that_is_hurt_is_excluded(
    hurt: str, make_chain: MakeChain, ranges_of: RangesOf, reference_of: ReferenceOf, tmp_path: Path
) -> None:
    model = make_chain(hurt)
    ranges, reference = ranges_of(model), reference_of(model)
    exclusion = exclude_layers(reference, ranges, DEMANDED, QUIET)
    assert exclusion.weights == [hurt]
    assert exclusion.before.mean_iou < DEMANDED <= exclusion.after.mean_iou
    assert exclusion.layers[0].alone < DEMANDED
    # What is returned means that layer alone, and gives what was promised.
    graph = tmp_path / "eight.onnx"
    assert quantise_for_cpu(model, ranges, graph, exclusion.weights) == Census(3, 2)
    assert reference.compare(graph) == exclusion.after
    assert exclude_layers(reference, ranges, DEMANDED, QUIET) == exclusion


def test_a_bad_activation_takes_both_its_layers(
    make_chain: MakeChain, ranges_of: RangesOf, reference_of: ReferenceOf, tmp_path: Path
) -> None:
    model = make_chain(outlier="conv.1.weight")
    ranges, reference = ranges_of(model), reference_of(model)
    exclusion = exclude_layers(reference, ranges, DEMANDED, QUIET)
    assert set(exclusion.weights) == {"conv.1.weight", "last.conv.1.weight"}
    assert exclusion.after.mean_iou >= DEMANDED
    for name in exclusion.weights:
        quantise_for_cpu(model, ranges, tmp_path / "one.onnx", [name])
        assert reference.compare(tmp_path / "one.onnx").mean_iou < DEMANDED


def test_nothing_is_excluded_in_vain(
    make_chain: MakeChain, ranges_of: RangesOf, reference_of: ReferenceOf
) -> None:
    model = make_chain()
    exclusion = exclude_layers(reference_of(model), ranges_of(model), DEMANDED, QUIET)
    assert exclusion.layers == () and exclusion.before == exclusion.after
    model = make_chain("conv.1.weight")
    kept = exclude_layers(reference_of(model), ranges_of(model), DEMANDED, QUIET, ["conv.1.weight"])
    assert kept.layers == ()  # it stays in float32 anyway


def test_what_cannot_be_reached(
    make_chain: MakeChain, ranges_of: RangesOf, reference_of: ReferenceOf
) -> None:
    model = make_chain("conv.1.weight", "last.conv.1.weight", "conv.10.weight")
    reference, ranges = reference_of(model), ranges_of(model)
    with pytest.raises(ProofError, match=r"up to 2 of 4 layers .* at best, not 0\.975"):
        exclude_layers(reference, ranges, DEMANDED, QUIET)
    with pytest.raises(UsageError, match="must be 0 to 1"):
        exclude_layers(reference, ranges, 1.5, QUIET)
    with pytest.raises(UsageError, match="must be 0 to 1"):
        exclude_layers(reference, ranges, float("nan"), QUIET)
    with pytest.raises(UsageError, match="named like 'nothing'"):
        exclude_layers(reference, ranges, DEMANDED, QUIET, ["nothing"])


class Empty:
    """A data set of a photo without objects."""

    def __len__(self) -> int:
        return 1

    def scene(self, index: int) -> Scene:
        return Scene("a", np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8))


def test_photos_without_objects(make_chain: MakeChain) -> None:
    with pytest.raises(DataError, match="no photo has an object"):
        exclude_on_photos(make_chain(), Ranges("", "minmax", {}), Empty(), 0.9, QUIET)


def test_the_command(
    command: Command, make_chain: MakeChain, ellipses: Path, tmp_path: Path
) -> None:
    model = make_chain("conv.1.weight")
    data = ("--data", ellipses)
    result = command("ioebss-calibrate", model, *data, "--photos", "4", "-o", "ranges.json")
    assert result.returncode == 0, result.stderr
    arguments = ("ioebss-export", model, "--int8", "--calibration", "ranges.json", *data)
    arguments = (*arguments, "--mean-iou", "0", "-o", "eight.onnx", "--exclude-until")
    result = command(*arguments, "1.5")
    assert result.returncode == 2 and "must be 0 to 1" in result.stderr
    assert not list(tmp_path.glob("eight*"))
    result = command(*arguments, "0.9")
    assert result.returncode == 0, result.stderr
    quantisation = read_manifest(tmp_path / "eight.int8.cpu.onnx").training["quantisation"]
    assert quantisation["kept_in_float32"] == ["conv.1.weight"]
    assert (quantisation["eight_bit"], quantisation["in_float"]) == (3, 2)
    exclusion = quantisation["exclusion"]
    assert [layer["weight"] for layer in exclusion["layers"]] == ["conv.1.weight"]
    assert exclusion["before"]["mean_iou"] < exclusion["demanded"] == 0.9
    assert exclusion["after"]["mean_iou"] >= 0.9
