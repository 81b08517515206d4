"""Which layer is named: faults put into graphs of every precision, and ratios by definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.ranges import Ranges, measure_ranges
from ioebss.errors import ModelError
from ioebss.export.half import half_tensors, write_rounded
from ioebss.export.layers import compare_layers
from ioebss.manifest import INPUT

NAMES = ("stem.weight", "blocks.0.weight", "blocks.1.weight", "head.weight", "classifier.weight")
MULTIPLE = 16
PLACES = {name: i for i, name in enumerate(NAMES)}


def network(activation: bool = True) -> onnx.ModelProto:
    """Five convolutions, ReLU6 between them, and a connection around the third."""
    rng = np.random.default_rng(0)
    channels = (6, 8, 8, 8, 8, 1)
    nodes = [helper.make_node("Mul", [INPUT, "scale"], ["value0"], "normalise")]
    constants = [numpy_helper.from_array(np.float32(1 / 128), "scale")]
    constants += [numpy_helper.from_array(np.float32(v), n) for v, n in ((0, "zero"), (6, "six"))]
    value = "value0"
    for i, name in enumerate(NAMES, 1):
        weight = 0.2 * rng.normal(size=(channels[i], channels[i - 1], 3, 3)).astype(np.float32)
        constants.append(numpy_helper.from_array(weight, name))
        out = "logits" if i == 5 else f"out{i}"
        nodes.append(helper.make_node("Conv", [value, name], [out], f"conv{i}", pads=[1] * 4))
        if activation and i < 5:
            nodes.append(helper.make_node("Clip", [out, "zero", "six"], [f"act{i}"], f"clip{i}"))
            out = f"act{i}"
        if i == 3:
            nodes.append(helper.make_node("Add", [out, value], ["sum3"], "add3"))
            out = "sum3"
        value = out
    sides = ["n", 6, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def saved(graph: onnx.ModelProto, path: Path) -> Path:
    onnx.save(graph, path)
    return path


def scaled(graph: onnx.ModelProto, name: str, factor: float) -> onnx.ModelProto:
    """The graph with one constant scaled."""
    constant = next(c for c in graph.graph.initializer if c.name == name)
    values = numpy_helper.to_array(constant)
    constant.CopyFrom(numpy_helper.from_array((values * factor).astype(values.dtype), name))
    return graph


def inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.uniform(0, 255, (1, 6, 48, 32)).astype(np.float32) for _ in range(2)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same network in each precision."""
    folder = tmp_path_factory.mktemp("layers")
    reference = saved(network(), folder / "fp32.onnx")
    half = convert_float_to_float16(network(), keep_io_types=True)
    write_rounded(half, folder / "fp16.onnx")
    ranges, _ = measure_ranges(reference, inputs(), "minmax")
    quantise_for_cpu(reference, Ranges("", "minmax", ranges), folder / "int8.onnx")
    return {kind: folder / f"{kind}.onnx" for kind in ("fp32", "fp16", "int8")}


@pytest.mark.parametrize(("kind", "least"), [("fp32", 119), ("fp16", 50), ("int8", 15)])
def test_a_healthy_model_has_no_bad_layer(models: dict[str, Path], kind: str, least: float) -> None:
    errors = compare_layers(models["fp32"], models[kind], inputs(), MULTIPLE)
    assert [layer.name for layer in errors.layers] == list(NAMES)
    assert all(layer.own > least and not layer.not_finite for layer in errors.layers)


@pytest.mark.parametrize("kind", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_the_layer_with_the_fault_is_named(
    models: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    graph = onnx.load(models[kind])
    constants = {c.name for c in graph.graph.initializer}
    wrong = saved(
        scaled(graph, f"{name}_scale" if f"{name}_scale" in constants else name, 0.5),
        tmp_path / "wrong.onnx",
    )
    errors = compare_layers(models["fp32"], wrong, inputs(), MULTIPLE)
    assert errors.first.name == name
    assert name in errors.look_first and "dB of its own" in errors.look_first
    others = [layer.own for layer in errors.layers if layer.name != name]
    assert errors.first.own < 10 < min(others)  # the layers behind it are not to blame


def test_the_ratios_are_those_of_the_definition(tmp_path: Path) -> None:
    """Without activations everything is linear: a tenth too much is 20 dB, from there on."""
    reference = saved(network(activation=False), tmp_path / "a.onnx")
    candidate = scaled(network(activation=False), NAMES[3], 1.1)
    errors = compare_layers(reference, saved(candidate, tmp_path / "b.onnx"), inputs(), MULTIPLE)
    own = [layer.own for layer in errors.layers]
    added_up = [layer.added_up for layer in errors.layers]
    assert own[3] == pytest.approx(20, abs=0.01)
    assert min(own[:3] + own[4:]) > 110
    assert added_up[3] == pytest.approx(20, abs=0.01)
    assert added_up[4] == pytest.approx(20, abs=0.01)
    assert errors.worst[0].name == NAMES[3] and errors.inputs == 2


def test_the_layer_that_overflows_is_named(tmp_path: Path) -> None:
    """The first layer's values are too large for half; the second's weights make them small."""
    graph = scaled(scaled(network(activation=False), NAMES[0], 6e4), NAMES[1], 1e-6)
    reference = saved(graph, tmp_path / "fp32.onnx")
    half = convert_float_to_float16(graph, keep_io_types=True, min_positive_val=1e-7)
    assert write_rounded(half, tmp_path / "fp16.onnx") > 0
    errors = compare_layers(reference, tmp_path / "fp16.onnx", inputs(), MULTIPLE)
    assert errors.first.name == NAMES[0] and errors.first.not_finite > 0
    assert "are not finite" in errors.look_first
    assert all(layer.not_finite == 0 for layer in errors.layers[1:])


def test_half_precision_is_rounded_and_overflows_on_a_cpu(tmp_path: Path) -> None:
    """Each step of a chain of 1x1 convolutions, by NumPy's float16."""
    factors = (1000.0, 0.001)
    nodes = [
        helper.make_node("Conv", [INPUT, "first"], ["between"], "conv1"),
        helper.make_node("Conv", ["between", "second"], ["logits"], "conv2"),
    ]
    edges = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 1, 4])
        for name in (INPUT, "logits")
    ]
    constants = [
        numpy_helper.from_array(np.full((1, 1, 1, 1), f, np.float32), n)
        for f, n in zip(factors, ("first", "second"), strict=True)
    ]
    graph = helper.make_graph(nodes, "chain", edges[:1], edges[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    half = convert_float_to_float16(model, keep_io_types=True)
    assert "between" in half_tensors(half)
    write_rounded(half, tmp_path / "rounded.onnx")
    values = np.array([0.1234567, 3.3, 60.7, 80.0], np.float32)  # 80 000 is too large for half
    session = onnxruntime.InferenceSession(str(tmp_path / "rounded.onnx"))
    (logits,) = session.run(None, {INPUT: values.reshape(1, 1, 1, 4)})
    expected = values.astype(np.float16)
    for factor in factors:
        with np.errstate(over="ignore"):
            product = expected.astype(np.float32) * np.float32(np.float16(factor))
            expected = product.astype(np.float16)
    np.testing.assert_array_equal(logits.ravel(), expected.astype(np.float32))
    assert np.isinf(logits.ravel()[3])


def test_a_float_graph_is_left_alone(tmp_path: Path) -> None:
    assert write_rounded(network(), tmp_path / "none.onnx") == 0
    assert not (tmp_path / "none.onnx").exists()


def test_graphs_of_different_networks(models: dict[str, Path], tmp_path: Path) -> None:
    fewer = network()
    del fewer.graph.node[:]
    fewer.graph.node.append(
        helper.make_node("Conv", [INPUT, NAMES[0]], ["logits"], "conv1", pads=[1] * 4)
    )
    path = saved(fewer, tmp_path / "fewer.onnx")
    with pytest.raises(ModelError, match="5 convolutions, the candidate 1"):
        compare_layers(models["fp32"], path, inputs(), MULTIPLE)
    del fewer.graph.node[:]
    with pytest.raises(ModelError, match="no convolution"):
        compare_layers(models["fp32"], saved(fewer, path), inputs(), MULTIPLE)
