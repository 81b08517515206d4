"""The layers of a graph that can be quantised: its convolutions, each with its activation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from ioebss.manifest import INPUT

ACTIVATIONS = ("Clip", "Relu")


@dataclass(frozen=True)
class Layer:
    """Convolutions that share a weight (mostly one), with the activations that follow.

    Attributes:
        weight: name of the weight in the graph.
        convolutions, activations: names of nodes.
        parameters: numbers in the weight.
        channels: of the output.
    """

    weight: str
    convolutions: tuple[str, ...]
    activations: tuple[str, ...]
    parameters: int
    channels: int


def layers_of(graph: onnx.GraphProto) -> list[Layer]:
    """The layers in the order in which the graph computes them; convolutions whose weight is no
    constant are left out."""
    constants = {constant.name: constant.dims for constant in graph.initializer}
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    convolutions: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
        if node.op_type == "Conv" and node.input[1] in constants:
            convolutions[node.input[1]].append(node)
    layers = []
    for weight, nodes in convolutions.items():
        following = [user for node in nodes for user in users[node.output[0]]]
        activations = tuple(node.name for node in following if node.op_type in ACTIVATIONS)
        dims = constants[weight]
        names = tuple(node.name for node in nodes)
        layers.append(Layer(weight, names, activations, int(np.prod(dims)), int(dims[0])))
    return layers


def multiply_adds(
    model: Path, layers: Sequence[Layer], inputs: NDArray[np.float32]
) -> dict[str, int]:
    """Multiplications of each layer for one input, by the name of its weight.

    The sizes are asked of ONNX Runtime: a graph for any size computes them as it goes.

    Args:
        model: ONNX file.
        layers: of its graph.
        inputs: float32 (1, C, H, W).
    """
    import onnxruntime

    proto = onnx.load(model)
    outputs = {node.name: node.output[0] for node in proto.graph.node}
    wanted = {outputs[name]: layer for layer in layers for name in layer.convolutions}
    shapes = [f"{name} shape" for name in wanted]
    for name, shape in zip(wanted, shapes, strict=True):
        proto.graph.node.append(helper.make_node("Shape", [name], [shape], shape))
        info = helper.make_tensor_value_info(shape, onnx.TensorProto.INT64, [4])
        proto.graph.output.append(info)
    session: Any = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: dict[str, int] = defaultdict(int)
    for layer, shape in zip(wanted.values(), session.run(shapes, {INPUT: inputs}), strict=True):
        found[layer.weight] += int(np.prod(shape)) * layer.parameters // layer.channels
    return dict(found)
