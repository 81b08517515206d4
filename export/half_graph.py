"""A float32 graph to one in half precision (IEEE float16) inside: weights and activations, while
its inputs and outputs stay float32. Every value is cast at most once in either direction.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ioebss.calibration.graph_parts import element_types, load_typed, rebuilt
from ioebss.errors import ModelError

# Operations that engines have in half precision and that lose nothing by it. Sums over many pixels
# (ReduceMean, GlobalAveragePool) are not among them: they overflow where no pixel does.
HALF_OPERATIONS = frozenset({
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "Div",
    "Expand", "Flatten", "Gather", "Gemm", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu",
    "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "Pad", "PRelu", "Relu", "Reshape", "Resize",
    "Sigmoid", "Slice", "Softmax", "Split", "Squeeze", "Sub", "Tanh", "Tile", "Transpose",
    "Unsqueeze",
})  # fmt: skip
FLOAT_INPUTS = {"Resize": (1, 2)}  # region and scales
ANY_TYPE = ("Shape", "Size")


def to_half(model: Path, in_float: Set[str], output: Path) -> tuple[int, int]:
    """Writes the graph in half precision.

    Args:
        model: float32 ONNX file.
        in_float: names of the nodes that stay in float32, beside those that are not in
            `HALF_OPERATIONS`.
        output: the file to write.

    Returns:
        How many convolutions are in half precision, and how many in float32.

    Raises:
        ModelError: the graph holds control flow, or values in half precision already.
    """
    graph = load_typed(model)
    types = element_types(graph)
    if TensorProto.FLOAT16 in types.values():
        raise ModelError(f"{model} is in half precision already, at least in part")
    if any(a.HasField("g") or a.graphs for n in graph.graph.node for a in n.attribute):
        raise ModelError(f"{model} holds control flow, which cannot be converted")
    converter = _Converter(graph, types)
    counts = [0, 0]
    for node in graph.graph.node:
        half = node.op_type in HALF_OPERATIONS and node.name not in in_float
        converter.convert(node, half)
        if node.op_type == "Conv":
            counts[not half] += 1
    onnx.save(converter.finished(), output)
    return counts[0], counts[1]


class _Converter:
    """Converts node after node, in the graph's order."""

    def __init__(self, graph: onnx.ModelProto, types: dict[str, int]) -> None:
        self._graph, self._types = graph, types
        self._constants = {c.name: c for c in graph.graph.initializer}
        self._outputs = {value.name for value in graph.graph.output}
        self._half: dict[str, str] = {}  # names of values that are in half, by the original name
        self._float: dict[str, str] = {}  # of those that are in half by nature, cast to float32
        self._nodes: list[onnx.NodeProto] = []

    def convert(self, node: onnx.NodeProto, half: bool) -> None:
        if node.op_type not in ANY_TYPE:
            always = FLOAT_INPUTS.get(node.op_type, ())
            for side, name in enumerate(node.input):
                if self._types.get(name) == TensorProto.FLOAT:
                    as_half = half and side not in always
                    node.input[side] = self._in_half(name) if as_half else self._in_float(name)
        self._nodes.append(node)
        if half:
            for side, name in enumerate(node.output):
                if self._types.get(name) == TensorProto.FLOAT:
                    self._made_in_half(node, side)

    def _made_in_half(self, node: onnx.NodeProto, side: int) -> None:
        name = node.output[side]
        self._half[name] = name
        if name in self._outputs:
            node.output[side] = self._half[name] = f"{name}_half"
            self._float[name] = name
            self._cast(self._half[name], name, TensorProto.FLOAT)

    def _in_half(self, name: str) -> str:
        if name not in self._half:
            self._half[name] = f"{name}_half"
            if name in self._constants:
                values = numpy_helper.to_array(self._constants[name]).astype(np.float16)
                constant = numpy_helper.from_array(values, self._half[name])
                self._graph.graph.initializer.append(constant)
            else:
                self._cast(name, self._half[name], TensorProto.FLOAT16)
        return self._half[name]

    def _in_float(self, name: str) -> str:
        if self._half.get(name) != name:
            return name  # it is in float32 by nature, or an output
        if name not in self._float:
            self._float[name] = f"{name}_float"
            self._cast(name, self._float[name], TensorProto.FLOAT)
        return self._float[name]

    def _cast(self, source: str, target: str, kind: int) -> None:
        self._nodes.append(helper.make_node("Cast", [source], [target], f"{target}_cast", to=kind))

    def finished(self) -> onnx.ModelProto:
        """The graph, without the constants that nobody reads any more."""
        used = {name for node in self._nodes for name in node.input}
        constants = [c for c in self._graph.graph.initializer if c.name in used]
        return rebuilt(self._graph, self._nodes, constants)
