"""Sensitivities of a network of which it is known what hurts it, and their table and picture."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from ioebss.calibration.agreement import Reference
from ioebss.calibration.graph_parts import meant
from ioebss.calibration.layers import layers_of, multiply_adds
from ioebss.calibration.ranges import Ranges
from ioebss.calibration.sensitivity import measure_sensitivity
from ioebss.calibration.sensitivity_report import worst_layers, write_report
from ioebss.errors import DataError, ModelError, OutputError
from ioebss.progress import Progress

Command = Callable[..., subprocess.CompletedProcess[str]]
RangesOf = Callable[[Path], Ranges]
QUIET = Progress(quiet=True)
HURT = "last.conv.1.weight"


def test_the_layer_that_is_hurt_is_the_worst(
    make_chain: Callable[..., Path], ranges_of: RangesOf, recorded: list[np.ndarray]
) -> None:
    model = make_chain(HURT)
    sensitivity = measure_sensitivity(Reference(model, recorded), ranges_of(model), QUIET)
    # In the graph's order, without the last, which stays in float32.
    names = ["stem.weight", "conv.1.weight", "last.conv.1.weight", "conv.10.weight"]
    assert [layer.weight for layer in sensitivity.layers] == names
    worst, *others = sensitivity.worst_first()
    assert worst.weight == HURT
    assert worst.mean_iou < 0.8
    assert min(other.mean_iou for other in others) > 0.95
    assert all(layer.worst_iou <= layer.mean_iou for layer in sensitivity.layers)
    assert sensitivity.whole.mean_iou < 0.8
    assert sensitivity.inputs == len(recorded)
    again = measure_sensitivity(Reference(model, recorded), ranges_of(model), QUIET)
    assert again == sensitivity


def test_agreement_is_the_iou_of_the_masks(
    make_chain: Callable[..., Path], recorded: list[np.ndarray], tmp_path: Path
) -> None:
    reference = Reference(make_chain(), recorded)
    other = onnx.load(reference.model)
    weight = next(c for c in other.graph.initializer if c.name == "conv.10.weight")
    values = np.frombuffer(weight.raw_data, np.float32) * np.linspace(0.5, 2, 576, dtype=np.float32)
    weight.raw_data = values.tobytes()
    onnx.save(other, tmp_path / "other.onnx")
    expected = []
    for value in recorded:
        a, b = (
            onnxruntime.InferenceSession(str(path)).run(None, {"input": value})[0] > 0
            for path in (reference.model, tmp_path / "other.onnx")
        )
        expected.append((a & b).sum() / (a | b).sum())
    agreement = reference.compare(tmp_path / "other.onnx")
    assert agreement.mean_iou == pytest.approx(np.mean(expected), abs=1e-12)
    assert agreement.worst_iou == pytest.approx(np.min(expected), abs=1e-12)
    assert agreement.worst_iou < agreement.mean_iou < 0.99
    same = reference.compare(reference.model)
    assert (same.mean_iou, same.worst_iou) == (1, 1)


def test_layers_and_their_work(make_chain: Callable[..., Path], recorded: list[np.ndarray]) -> None:
    model = make_chain()
    layers = layers_of(onnx.load(model).graph)
    assert [layer.convolutions for layer in layers] == [(f"n{i}",) for i in range(5)]
    assert [layer.activations for layer in layers] == [*((f"r{i}",) for i in range(4)), ()]
    assert [layer.parameters for layer in layers] == [6 * 8 * 9, *[8 * 8 * 9] * 3, 8 * 9]
    # Each 3x3 convolution keeps the 48x64 pixels of its input: every weight is used at each.
    assert list(multiply_adds(model, layers, recorded[0]).values()) == [
        48 * 64 * layer.parameters for layer in layers
    ]


def test_a_full_name_means_one_layer() -> None:
    names = ["stem.weight", "conv.1.weight", "last.conv.1.weight", "conv.10.weight"]
    assert meant("conv.1.weight", set(names)) == {"conv.1.weight"}
    assert meant("conv.1", set(names)) == {"conv.1.weight", *names[2:]}
    assert meant("nothing", set(names)) == set()


def test_what_cannot_be_measured(
    make_chain: Callable[..., Path], recorded: list[np.ndarray], tmp_path: Path
) -> None:
    model = make_chain()
    with pytest.raises(DataError, match="no photo has an object"):
        Reference(model, [])
    with pytest.raises(ModelError, match="cannot be quantised with these ranges"):
        measure_sensitivity(Reference(model, recorded), Ranges("", "minmax", {}), QUIET)


def test_the_report(
    make_chain: Callable[..., Path],
    ranges_of: RangesOf,
    recorded: list[np.ndarray],
    tmp_path: Path,
) -> None:
    model = make_chain(HURT)
    reference = Reference(model, recorded[:2])
    sensitivity = measure_sensitivity(
        reference, ranges_of(model), QUIET, {"command": "ioebss-calibrate x"}
    )
    folder = tmp_path / "report"
    write_report(sensitivity, folder)
    assert {p.name for p in folder.iterdir()} == {f"sensitivity.{s}" for s in ("json", "md", "png")}
    table = json.loads((folder / "sensitivity.json").read_text())
    assert [row["weight"] for row in table["layers"]] == [r.weight for r in sensitivity.layers]
    assert table["whole"]["mean_iou"] == sensitivity.whole.mean_iou
    text = (folder / "sensitivity.md").read_text()
    assert "    ioebss-calibrate x\n" in text
    assert text.count("\n| ") == 1 + 4  # the head and the layers
    picture = cv2.imread(str(folder / "sensitivity.png"))
    assert picture.shape[0] > 150 and picture.std() > 10
    lines = worst_layers(sensitivity).splitlines()
    assert lines[1].split()[-1] == HURT and "all layers" in lines[-1]
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        write_report(sensitivity, tmp_path / "file" / "report")
