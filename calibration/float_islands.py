"""Convolutions that stay in float32 between others in 8 bits, kept from ONNX Runtime's optimiser.

Where 8-bit values come in and go out, it takes a float weight for one that was forgotten and
rounds it to 8 bits itself (`WeightBiasQuantization`), with one scale for all output channels: worse
than if the layer had been quantised. It leaves inputs alone that have a scale for each channel, so
such a convolution gets its input in that form: the same values, the same cost.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


def protect_float_convolutions(model: onnx.ModelProto) -> None:
    """Gives each convolution whose weight is in float32 and whose input is in 8 bits a dequantiser
    of its own, with the scale and zero point repeated for each channel.

    Args:
        model: a graph with Q/DQ nodes; changed in place.
    """
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    for node in list(graph.node):
        if node.op_type != "Conv" or node.input[1] not in constants:
            continue
        maker = makers.get(node.input[0])
        if maker is None or maker.op_type != "DequantizeLinear":
            continue
        channels = _input_channels(node, constants[node.input[1]])
        prefix = f"{node.name}_input"
        inputs = [maker.input[0]]
        for name in maker.input[1:]:
            value = numpy_helper.to_array(constants[name])
            repeated = np.full(channels, value.item(), value.dtype)
            inputs.append(f"{prefix}_{name}")
            graph.initializer.append(numpy_helper.from_array(repeated, inputs[-1]))
        own = helper.make_node("DequantizeLinear", inputs, [prefix], f"{prefix}_dequantise", axis=1)
        node.input[0] = prefix
        graph.node.append(own)  # as the quantiser does; ONNX Runtime sorts nodes itself
    _drop_unused(graph)


def _input_channels(node: onnx.NodeProto, weight: onnx.TensorProto) -> int:
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return int(weight.dims[1] * groups)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Dequantisers whose only user has got its own."""
    used = {name for node in graph.node for name in node.input} | {o.name for o in graph.output}
    for node in list(graph.node):
        if node.op_type == "DequantizeLinear" and not used & set(node.output):
            graph.node.remove(node)
