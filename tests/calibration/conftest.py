"""Small graphs whose quantisation can be followed by hand, and the ranges of their activations; in
one, a test may make layers hard to quantise without changing what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ioebss.calibration.ranges import Ranges, measure_ranges
from ioebss.manifest import CHANNELS, Manifest, sha256_of, write_manifest

# The name of one lies within that of another, as happens in real networks.
CHAIN = ("stem.weight", "conv.1.weight", "last.conv.1.weight", "conv.10.weight", "classifier")
WIDTHS = (6, 8, 8, 8, 8, 1)
FACTOR = np.float32(2000)


def chain_weights() -> dict[str, np.ndarray]:
    """Random 3x3 weights of `CHAIN`; the first output of each but the last is always 0."""
    rng = np.random.default_rng(0)
    weights = {}
    for number, name in enumerate(CHAIN):
        shape = (WIDTHS[number + 1], WIDTHS[number], 3, 3)
        weights[name] = rng.normal(size=shape).astype(np.float32) / np.float32(number * 2 + 3)
        if name != CHAIN[-1]:
            weights[name][0] = 0
    return weights


def write_chain(path: Path, weights: dict[str, np.ndarray]) -> Path:
    """Normalisation and five convolutions with ReLU between them, with a manifest."""
    constants = [
        numpy_helper.from_array(np.float32(1 / 128), "scale"),
        numpy_helper.from_array(np.float32([0.11]), "bias"),  # about as much object as background
    ]
    nodes = [helper.make_node("Mul", ["input", "scale"], ["scaled"], "normalise")]
    value = "scaled"
    for number, (name, weight) in enumerate(weights.items()):
        constants.append(numpy_helper.from_array(weight, name))
        last = name == CHAIN[-1]
        out = "logits" if last else f"out{number}"
        inputs = [value, name, "bias"] if last else [value, name]
        nodes.append(helper.make_node("Conv", inputs, [out], f"n{number}", pads=[1] * 4))
        value = f"relu{number}"
        if not last:
            nodes.append(helper.make_node("Relu", [out], [value], f"r{number}"))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 6, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, path)
    manifest = Manifest("chain", "chain", CHANNELS, 5, 16, (64,), "fp32", sha256_of(path), 18)
    write_manifest(manifest, path)
    return path


@pytest.fixture
def make_chain(tmp_path: Path) -> Callable[..., Path]:
    """Writes the chain, hard to quantise in one way or another; in float32 nothing changes.

    `hurt` names layers that get huge weights for the input that is always 0: in 8 bits their other
    weights are lost. `outlier` names a layer with a huge channel, which the layer after it takes
    down again: in 8 bits the other channels of the activation between them are lost."""

    def make(*hurt: str, outlier: str | None = None) -> Path:
        weights = chain_weights()
        for name in hurt:
            weights[name][:, 0] = FACTOR
        if outlier is not None:
            weights[outlier][1] *= FACTOR
            weights[CHAIN[CHAIN.index(outlier) + 1]][:, 1] /= FACTOR
        return write_chain(tmp_path / "chain.onnx", weights)

    return make


@pytest.fixture
def recorded() -> list[np.ndarray]:
    """Inputs of random colours in squares of 8 pixels: float32 (1, 6, 48, 64), 0..51."""
    rng = np.random.default_rng(1)
    small = rng.uniform(0, 51, (6, 1, 6, 6, 8)).astype(np.float32)
    return list(np.repeat(np.repeat(small, 8, 3), 8, 4))


@pytest.fixture
def ranges_of(recorded: list[np.ndarray]) -> Callable[[Path], Ranges]:
    """The ranges of a model on these inputs."""

    def measure(model: Path) -> Ranges:
        found, _ = measure_ranges(model, recorded, "minmax")
        return Ranges(sha256_of(model), "minmax", found)

    return measure


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
