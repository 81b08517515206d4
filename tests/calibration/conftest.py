"""Small graphs whose quantisation can be followed by hand, and the ranges of their activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ioebss.calibration.ranges import Ranges

NAMES = ("stem.weight", "blocks.0.weight", "head.weight", "classifier.weight")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Normalisation, four convolutions with ReLU6 between them, subtraction of a constant."""
    rng = np.random.default_rng(0)
    channels = (6, 8, 8, 8, 1)
    nodes = [
        helper.make_node("Mul", ["input", "scale"], ["scaled"], "normalise"),
        helper.make_node("Sub", ["out4", "one"], ["logits"], "subtract"),
    ]
    constants = [
        numpy_helper.from_array(np.float32(1 / 128), "scale"),
        numpy_helper.from_array(np.float32(0.1), "one"),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(6), "six"),
    ]
    value = "scaled"
    for i, name in enumerate(NAMES, 1):
        weight = rng.normal(size=(channels[i], channels[i - 1], 3, 3)).astype(np.float32)
        weight *= 0.5 * rng.uniform(0.1, 1, (channels[i], 1, 1, 1)).astype(np.float32)
        constants.append(numpy_helper.from_array(weight, name))
        convolution = helper.make_node("Conv", [value, name], [f"out{i}"], f"conv{i}", pads=[1] * 4)
        nodes.insert(-1, convolution)
        if i < 4:
            clip = helper.make_node("Clip", [f"out{i}", "zero", "six"], [f"relu{i}"], f"clip{i}")
            nodes.insert(-1, clip)
            value = f"relu{i}"
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 6, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        constants,
    )
    path = tmp_path / "small.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, path)
    return path


@pytest.fixture
def ranges() -> Ranges:
    values = {f"relu{i}": (0.0, 6.0) for i in (1, 2, 3)}
    values |= {f"out{i}": (-20.0, 20.0) for i in (1, 2, 3, 4)}
    values |= {"scaled": (0.0, 2.0), "input": (0.0, 255.0), "logits": (-20.0, 20.0)}
    return Ranges("", "minmax", values)
