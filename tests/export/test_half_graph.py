"""Half precision: the graph by its types and casts, and what stays in float32."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnxruntime.transformers.float16 import convert_float_to_float16

from ioebss.errors import ModelError, UsageError
from ioebss.export.half_graph import to_half
from ioebss.export.overflow import nodes_in_float
from ioebss.segmenter import BUNDLED


def photo_input(height: int = 64, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(0)
    inputs = np.zeros((1, 6, height, width), np.float32)
    inputs[0, :3] = rng.uniform(0, 255, (3, height, width))
    inputs[0, 3, 20:31, 30:41] = 1
    inputs[0, 5] = rng.random((height, width))
    return inputs


def run(model: Path | onnx.ModelProto, inputs: np.ndarray) -> np.ndarray:
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return np.asarray(onnxruntime.InferenceSession(source).run(None, {"input": inputs})[0])


def types_of(path: Path) -> dict[str, int]:
    graph = shape_inference.infer_shapes(onnx.load(path), strict_mode=True).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    found = {v.name: v.type.tensor_type.elem_type for v in values}
    return found | {c.name: c.data_type for c in graph.initializer}


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half") / "half.onnx"
    assert to_half(BUNDLED, nodes_in_float(BUNDLED, {}).keys(), path) == (63, 0)
    return path


def test_the_bundled_model_is_in_half_inside(bundled: Path) -> None:
    assert bundled.stat().st_size < 0.52 * BUNDLED.stat().st_size
    types, graph = types_of(bundled), onnx.load(bundled).graph
    first = "node_add_9"  # of the normalisation
    assert types["input"] == types["logits"] == TensorProto.FLOAT
    for node in graph.node:
        if node.op_type in ("Conv", "Clip", "Relu", "Add", "Concat") and node.name != first:
            kinds = {types[name] for name in node.input if name}
            assert kinds <= {TensorProto.FLOAT16, TensorProto.INT64}
        if node.op_type == "Resize":
            assert types[node.input[0]] == TensorProto.FLOAT16
            assert types[node.input[3]] == TensorProto.INT64
    # Casts: behind the normalisation, around the mean over all pixels, before the output. No more.
    casts = [node.input[0] for node in graph.node if node.op_type == "Cast"]
    assert casts == ["add_9", "getitem_141", "mean", "logits_half"]
    assert next(n for n in graph.node if n.op_type == "Shape").input[0] == "input"


def test_the_bundled_model_answers_the_same(bundled: Path) -> None:
    inputs = photo_input()
    expected, actual = run(BUNDLED, inputs), run(bundled, inputs)
    assert actual.dtype == np.float32
    assert np.abs(actual - expected).max() < 0.01 * np.abs(expected).max()
    assert (actual != expected).any()
    others = convert_float_to_float16(onnx.load(BUNDLED), keep_io_types=True)
    assert np.abs(actual - run(others, inputs)).max() < 0.01 * np.abs(expected).max()


def chain(scales: list[float], path: Path, opset: int = 18) -> Path:
    """1x1 convolutions with 2 channels, each a multiple of the identity, with ReLU between."""
    nodes, constants, value = [], [], "input"
    for i, scale in enumerate(scales):
        outputs = 1 if i == len(scales) - 1 else 2
        weight = np.zeros((outputs, 2, 1, 1), np.float32)
        weight[:, :, 0, 0] = np.eye(outputs, 2) * scale
        constants.append(numpy_helper.from_array(weight, f"layer{i}.weight"))
        target = "logits" if outputs == 1 else f"x{i}"
        nodes.append(helper.make_node("Conv", [value, f"layer{i}.weight"], [target], f"conv{i}"))
        if outputs == 2:
            nodes.append(helper.make_node("Relu", [target], [f"r{i}"], f"relu{i}"))
        value = f"r{i}"
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 2, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        constants,
    )
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def test_what_overflows_stays(tmp_path: Path) -> None:
    model = chain([1.0, 1e4, 1e-3, 1.0], tmp_path / "m.onnx")
    inputs = np.full((1, 2, 4, 4), 8.0, np.float32)
    ranges = {"input": (8.0, 8.0), "x0": (0.0, 8.0), "r0": (0.0, 8.0), "x1": (0.0, 8e4)}
    ranges |= {"r1": (0.0, 8e4), "x2": (0.0, 80.0), "r2": (0.0, 80.0), "logits": (80.0, 80.0)}
    reasons = nodes_in_float(model, ranges)
    assert set(reasons) == {"conv1", "relu1", "conv2"}
    assert reasons["relu1"] == "x1 reaches 8e+04"
    output = tmp_path / "half.onnx"
    assert to_half(model, reasons.keys(), output) == (2, 2)
    np.testing.assert_allclose(run(output, inputs), 80.0, rtol=2e-3)
    casts = [n.input[0] for n in onnx.load(output).graph.node if n.op_type == "Cast"]
    assert casts == ["input", "r0", "x2", "logits_half"]  # none between the three


def test_weights_that_half_precision_cannot_hold(tmp_path: Path) -> None:
    huge = chain([1e5, 1e-5, 1.0], tmp_path / "huge.onnx")
    assert "layer0.weight reaches 1e+05" in nodes_in_float(huge, {})["conv0"]
    tiny = chain([1.0, 2e-8, 1.0], tmp_path / "tiny.onnx")
    seen = {"r0": (0.0, 1e4)}
    assert "layer1.weight underflows" in nodes_in_float(tiny, seen)["conv1"]
    # Where its input is small, such a layer answers nothing that half precision would tell from 0.
    assert nodes_in_float(tiny, {"r0": (0.0, 1.0)}) == {}


def test_what_is_asked_for_stays(tmp_path: Path) -> None:
    model = chain([1.0, 1.0, 1.0], tmp_path / "m.onnx")
    reasons = nodes_in_float(model, {}, ["relu0", "layer1"])
    assert reasons == {"relu0": "asked for", "conv1": "asked for"}
    with pytest.raises(UsageError, match="no node has a name, or weights, named like 'decoder'"):
        nodes_in_float(model, {}, ["decoder"])


def test_everything_in_float_is_the_same_graph(tmp_path: Path) -> None:
    model, output = chain([1.0, 0.3, 1.7], tmp_path / "m.onnx"), tmp_path / "out.onnx"
    names = {node.name for node in onnx.load(model).graph.node}
    assert to_half(model, names, output) == (0, 3)
    assert Counter(n.op_type for n in onnx.load(output).graph.node) == {"Conv": 3, "Relu": 2}
    inputs = np.random.default_rng(0).random((1, 2, 5, 7), np.float32)
    np.testing.assert_array_equal(run(model, inputs), run(output, inputs))


def test_graphs_that_cannot_be_converted(bundled: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="in half precision already"):
        to_half(bundled, set(), tmp_path / "twice.onnx")
    empty = helper.make_graph([], "branch", [], [])
    condition = helper.make_node("If", ["c"], [], then_branch=empty, else_branch=empty)
    model = onnx.load(chain([1.0], tmp_path / "m.onnx"))
    model.graph.node.append(condition)
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "c"))
    onnx.save(model, tmp_path / "flow.onnx")
    with pytest.raises(ModelError, match="control flow"):
        to_half(tmp_path / "flow.onnx", set(), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
