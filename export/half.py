"""What half precision does to a graph, seen on a CPU.

ONNX Runtime's CPU provider has hardly any kernel for half tensors: it casts to float32 in front of
a node and back behind it, and takes the pairs of casts between two nodes out again. So a half graph
runs in float32 there but for its weights, and neither the rounding of activations nor an overflow,
the two things that a proof is to see, ever happens. Here every half tensor is led through nodes
that the provider has no reason to cast, so that it is rounded, and overflows, as on a GPU. The sums
inside a convolution stay in float32, which is how tensor cores add up too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

AXIS, SUFFIX = "ioebss_rounding_axis", "_before_rounding"


def half_tensors(graph: onnx.ModelProto) -> set[str]:
    """Names of all values of a graph, but for constants, that are in half precision."""
    inferred = shape_inference.infer_shapes(graph).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    return {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT16}


def write_rounded(graph: onnx.ModelProto, output: Path) -> int:
    """Writes the graph with each half tensor rounded in fact.

    Args:
        graph: is changed.
        output: the ONNX file.

    Returns:
        How many tensors are rounded; with 0 nothing is written.
    """
    half = half_tensors(graph) - {value.name for value in graph.graph.output}
    nodes = []
    rounded = 0
    for node in graph.graph.node:
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in half and node.op_type != "Constant":
                raw, up = name + SUFFIX, f"{name}{SUFFIX}_unsqueezed"
                node.output[place] = raw
                nodes.append(helper.make_node("Unsqueeze", [raw, AXIS], [up], up))
                nodes.append(
                    helper.make_node("Squeeze", [up, AXIS], [name], f"{name}{SUFFIX}_squeezed")
                )
                rounded += 1
    if rounded:
        del graph.graph.node[:]
        graph.graph.node.extend(nodes)
        graph.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), AXIS))
        onnx.save(graph, output)
    return rounded
