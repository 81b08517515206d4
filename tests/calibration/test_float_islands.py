"""A layer kept in float32 between others in 8 bits is in float32, after ONNX Runtime's optimiser
too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.ranges import Ranges

KEPT = "conv.1.weight"


def optimised(path: Path, folder: Path) -> onnx.GraphProto:
    """The graph as ONNX Runtime runs it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Later levels bring weights into an order of the processor's own.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx").graph


def test_a_kept_layer_keeps_its_weight(
    make_chain: Callable[..., Path], ranges_of: Callable[[Path], Ranges], tmp_path: Path
) -> None:
    model, path = make_chain(KEPT), tmp_path / "eight.onnx"
    census = quantise_for_cpu(model, ranges_of(model), path, [KEPT])
    assert (census.eight_bit, census.in_float) == (3, 2)  # it and the last
    graph = optimised(path, tmp_path)
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    (expected,) = (
        numpy_helper.to_array(c) for c in onnx.load(model).graph.initializer if c.name == KEPT
    )
    # Its nodes are fused and renamed, its numbers must be there.
    assert any(np.array_equal(value, expected) for value in constants.values())


def test_its_input_has_the_same_values(
    make_chain: Callable[..., Path], ranges_of: Callable[[Path], Ranges], tmp_path: Path
) -> None:
    model, path = make_chain(KEPT), tmp_path / "eight.onnx"
    quantise_for_cpu(model, ranges_of(model), path, [KEPT])
    graph = onnx.load(path)
    (kept,) = (node for node in graph.graph.node if KEPT in node.input)
    (own,) = (node for node in graph.graph.node if kept.input[0] in node.output)
    constants = {c.name: numpy_helper.to_array(c) for c in graph.graph.initializer}
    scale, zero = (constants[name] for name in own.input[1:])
    assert scale.shape == zero.shape == (8,)
    (quantiser,) = (node for node in graph.graph.node if own.input[0] in node.output)
    np.testing.assert_array_equal(scale, constants[quantiser.input[1]])
    np.testing.assert_array_equal(zero, constants[quantiser.input[2]])
    # No dequantiser is left over.
    used = {name for node in graph.graph.node for name in node.input}
    makers = [n for n in graph.graph.node if n.op_type == "DequantizeLinear"]
    assert all(node.output[0] in used for node in makers)
