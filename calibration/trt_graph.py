"""An 8-bit graph for TensorRT: its parser takes signed symmetric activations (zero point 0) and
weights with a scale for each output channel, and no quantised bias. Q/DQ pairs stand at the inputs
of convolutions and at the residual input of additions, as NVIDIA places them, and nowhere else:
what lies between is fused by TensorRT itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ioebss.calibration.graph_parts import (
    Census,
    before_the_network,
    behind_the_network,
    convolutions,
    element_types,
    load_typed,
    named_like,
    read_graph,
    rebuilt,
)
from ioebss.calibration.ranges import Ranges
from ioebss.errors import ModelError

LEVELS = 127  # on each side of zero: symmetric, -128 is left out


def quantise_for_trt(model: Path, ranges: Ranges, output: Path, keep: Sequence[str] = ()) -> Census:
    """Writes the 8-bit graph of a float32 model.

    The normalisation in front of the first convolution stays in float32, and so does the last
    convolution with what comes after it, as in the graph for CPUs.

    Args:
        model: ONNX file.
        ranges: of its activations.
        output: the file to write.
        keep: convolutions whose name, or weight's name, is or contains one of these texts stay in
            float32 too; see `graph_parts.meant`.

    Returns:
        What the graph does in 8 bits.

    Raises:
        UsageError: a text of `keep` is in no name.
        ModelError: an activation has no range, or the graph cannot be quantised.
    """
    graph = load_typed(model)
    chosen = convolutions(graph)
    in_float = (
        before_the_network(graph)
        | behind_the_network(graph)
        | named_like(graph, chosen, keep, "convolution")
    )
    additions = _residual_inputs(graph)  # found before names change
    quantiser = _Quantiser(graph, ranges)
    for node in chosen:
        if node.name not in in_float:
            quantiser.quantise_activation(node, 0)
            quantiser.quantise_weight(node, 1)
    for node, side in additions:
        if node.name not in in_float:
            quantiser.quantise_activation(node, side)
    onnx.save(quantiser.finished(), output)
    census = take_census(output)
    kept = sum(node.name in in_float for node in chosen)
    if census.in_float != kept:
        raise ModelError(f"{census.in_float} convolutions are in float32, not {kept}")
    return census


def take_census(model: Path) -> Census:
    """Counts the convolutions that TensorRT can run in 8 bits: both inputs come from
    DequantizeLinear with int8 values and zero point 0.

    Raises:
        ModelError: a zero point is not 0, or a bias or an activation is quantised in a way that
            TensorRT's parser refuses.
    """
    graph = read_graph(model)
    constants = {c.name: c for c in graph.graph.initializer}
    dequantised = {}
    for node in graph.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = constants.get(node.input[2]) if len(node.input) > 2 else None
            if (
                zero is None
                or zero.data_type != TensorProto.INT8
                or numpy_helper.to_array(zero).any()
            ):
                raise ModelError(f"{node.name} has another zero point than a signed 0")
            if node.op_type == "DequantizeLinear":
                dequantised[node.output[0]] = node
    sides = [[name in dequantised for name in node.input] for node in convolutions(graph)]
    eight_bit = sum(side[:2] == [True, True] for side in sides)
    if any(side[0] != side[1] or any(side[2:]) for side in sides):
        raise ModelError("a convolution is quantised in part only, or its bias is quantised")
    return Census(eight_bit, len(sides) - eight_bit)


class _Quantiser:
    """A graph that gets its Q/DQ pairs one by one; a value gets one pair however often it is
    asked for."""

    def __init__(self, graph: onnx.ModelProto, ranges: Ranges) -> None:
        self._graph, self._ranges = graph, ranges.ranges
        self._constants = {c.name: c for c in graph.graph.initializer}
        self._pairs: dict[str, list[onnx.NodeProto]] = {}

    def quantise_activation(self, node: onnx.NodeProto, side: int) -> None:
        name = node.input[side]
        if name not in self._pairs:
            if name not in self._ranges:
                raise ModelError(
                    f"the activation {name} has no range; run ioebss-calibrate with this model"
                )
            scale = np.float32(max(map(abs, self._ranges[name])) / LEVELS or 1.0)
            parameters = self._parameters(name, np.asarray(scale))
            self._pairs[name] = [
                helper.make_node(
                    "QuantizeLinear", [name, *parameters], [f"{name}_q"], f"{name}_quantise"
                ),
                helper.make_node(
                    "DequantizeLinear",
                    [f"{name}_q", *parameters],
                    [f"{name}_dq"],
                    f"{name}_dequantise",
                ),
            ]
        node.input[side] = f"{name}_dq"

    def quantise_weight(self, node: onnx.NodeProto, side: int) -> None:
        name = node.input[side]
        if name not in self._pairs:
            if name not in self._constants:
                raise ModelError(f"the weights {name} of {node.name} are no constant")
            weight = numpy_helper.to_array(self._constants[name])
            axes = tuple(range(1, weight.ndim))
            scale = (np.abs(weight).max(axes) / LEVELS).astype(np.float32)
            scale[scale == 0] = 1.0
            steps = np.rint(weight / scale.reshape(-1, *(1 for _ in axes)))
            quantised = np.clip(steps, -LEVELS, LEVELS).astype(np.int8)
            self._graph.graph.initializer.append(numpy_helper.from_array(quantised, f"{name}_q"))
            self._pairs[name] = [
                helper.make_node(
                    "DequantizeLinear",
                    [f"{name}_q", *self._parameters(name, scale)],
                    [f"{name}_dq"],
                    f"{name}_dequantise",
                    axis=0,
                )
            ]
        node.input[side] = f"{name}_dq"

    def _parameters(self, name: str, scale: NDArray[np.float32]) -> tuple[str, str]:
        """Names of two new constants: the scale, and as many zeros."""
        zeros = np.zeros(scale.shape, np.int8)
        for value, suffix in ((scale, "scale"), (zeros, "zero")):
            constant = numpy_helper.from_array(value, f"{name}_{suffix}")
            self._graph.graph.initializer.append(constant)
        return f"{name}_scale", f"{name}_zero"

    def finished(self) -> onnx.ModelProto:
        """The graph, its nodes in order, without the constants that nobody reads any more."""
        parts = self._graph.graph
        constants = [*parts.initializer]
        nodes = [n for c in constants for n in self._pairs.get(c.name, [])]
        for node in parts.node:
            nodes += [node, *(n for name in node.output for n in self._pairs.get(name, []))]
        nodes = [n for value in parts.input for n in self._pairs.get(value.name, [])] + nodes
        used = {name for node in nodes for name in node.input}
        return rebuilt(self._graph, nodes, [c for c in constants if c.name in used])


def _residual_inputs(graph: onnx.ModelProto) -> list[tuple[onnx.NodeProto, int]]:
    """The additions of two activations, with the side that comes along the shorter way: the
    other is a convolution's output, which is added before it is rounded."""
    constants = {constant.name for constant in graph.graph.initializer}
    types = element_types(graph)
    depth: dict[str, int] = {}
    found = []
    for node in graph.graph.node:
        if node.op_type == "Add" and len(node.input) == 2 and not constants & set(node.input):
            first, second = (depth.get(name, 0) for name in node.input)
            if types.get(node.output[0]) == TensorProto.FLOAT:
                found.append((node, int(second < first)))
        here = 1 + max((depth.get(name, 0) for name in node.input), default=0)
        depth |= dict.fromkeys(node.output, here)
    return found
