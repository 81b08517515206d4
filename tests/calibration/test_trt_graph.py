"""The 8-bit graph for TensorRT: by the definition of Q/DQ, by ONNX Runtime, and by the parser and
builder of TensorRT-RTX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.graph_parts import Census
from ioebss.calibration.ranges import Ranges
from ioebss.calibration.trt_graph import quantise_for_trt, take_census
from ioebss.errors import ModelError, UsageError


def constants_of(path: Path) -> dict[str, np.ndarray]:
    return {c.name: numpy_helper.to_array(c) for c in onnx.load(path).graph.initializer}


def test_only_inputs_of_convolutions_are_quantised(
    model: Path, ranges: Ranges, tmp_path: Path
) -> None:
    output = tmp_path / "out.onnx"
    assert quantise_for_trt(model, ranges, output) == Census(eight_bit=3, in_float=1)
    assert quantise_for_trt(model, ranges, output, ["stem", "conv2"]) == Census(1, 3)
    quantise_for_trt(model, ranges, output)
    nodes = onnx.load(output).graph.node
    quantised = [n.input[0] for n in nodes if n.op_type == "QuantizeLinear"]
    assert quantised == ["scaled", "relu1", "relu2"]  # not the input, nor what goes to the last
    assert [n.op_type for n in nodes].count("Clip") == 3  # fusing is TensorRT's business
    for node in nodes:
        if node.op_type == "Conv" and node.name != "conv4":
            assert [name.endswith("_dq") for name in node.input] == [True, True]


def test_scales_and_zero_points(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    quantise_for_trt(model, Ranges("", "", ranges.ranges | {"relu2": (-7.0, 3.0)}), output)
    constants = constants_of(output)
    assert constants["scaled_scale"] == pytest.approx(2 / 127)
    assert constants["relu2_scale"] == pytest.approx(7 / 127)  # symmetric: the larger side
    zeros = [v for k, v in constants.items() if k.endswith("_zero")]
    assert len(zeros) == 6
    assert all(v.dtype == np.int8 and not v.any() for v in zeros)
    assert "blocks.0.weight" not in constants  # the float32 weights are gone
    weight = constants_of(model)["blocks.0.weight"]
    scales, quantised = constants["blocks.0.weight_scale"], constants["blocks.0.weight_q"]
    assert quantised.dtype == np.int8 and np.abs(quantised.astype(int)).max((1, 2, 3)).min() == 127
    np.testing.assert_allclose(scales, np.abs(weight).max((1, 2, 3)) / 127, rtol=1e-6)
    error = np.abs(quantised * scales[:, None, None, None] - weight)
    assert (error.max((1, 2, 3)) <= 0.5001 * scales).all()


def test_the_answer_is_nearly_the_same(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    quantise_for_trt(model, ranges, output)
    inputs = np.random.default_rng(1).uniform(0, 255, (1, 6, 40, 40)).astype(np.float32)
    expected, actual = (
        onnxruntime.InferenceSession(str(path)).run(None, {"input": inputs})[0]
        for path in (model, output)
    )
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.99


@pytest.fixture
def residual(tmp_path: Path) -> Path:
    """Two residual blocks, the second with a convolution on the short way, and the last layer."""
    rng = np.random.default_rng(0)
    weights, nodes = [], []

    def convolve(source: str, name: str, outputs: int = 4) -> str:
        values = rng.normal(size=(outputs, 4, 1, 1)).astype(np.float32)
        values[0] = 0  # a dead channel
        weights.append(numpy_helper.from_array(values, f"{name}.weight"))
        nodes.append(helper.make_node("Conv", [source, f"{name}.weight"], [name], f"conv_{name}"))
        return name

    first = convolve("input", "a")
    nodes.append(helper.make_node("Relu", [first], ["relu"], "relu"))
    convolve("relu", "b")
    nodes.append(helper.make_node("Add", ["b", "relu"], ["sum"], "identity"))
    convolve("sum", "c")
    convolve("c", "d")
    convolve("sum", "short")
    nodes.append(helper.make_node("Add", ["short", "d"], ["total"], "projected"))
    convolve("total", "logits", 1)
    shape = ["n", 4, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        weights,
    )
    path = tmp_path / "residual.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, path)
    return path


RESIDUAL_RANGES = Ranges(
    "",
    "minmax",
    {n: (-4.0, 4.0) for n in ("input", "a", "relu", "b", "sum", "c", "d", "short", "total")},
)


def test_additions_take_the_short_way_in_8_bits(residual: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    assert quantise_for_trt(residual, RESIDUAL_RANGES, output) == Census(5, 1)
    nodes = {n.name: n for n in onnx.load(output).graph.node}
    assert list(nodes["identity"].input) == ["b", "relu_dq"]
    assert list(nodes["projected"].input) == ["short_dq", "d"]
    # One pair serves all who read a value: a convolution and the addition.
    assert nodes["conv_b"].input[0] == "relu_dq"
    assert sum(n.op_type == "QuantizeLinear" for n in nodes.values()) == 5
    scales = constants_of(output)["b.weight_scale"]
    assert np.isfinite(scales).all() and (scales > 0).all()


def test_tensorrt_builds_it(model: Path, residual: Path, ranges: Ranges, tmp_path: Path) -> None:
    rtx = pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")
    output = tmp_path / "out.onnx"
    logger = rtx.Logger(rtx.Logger.INTERNAL_ERROR)
    builder = rtx.Builder(logger)
    for source, known in ((model, ranges), (residual, RESIDUAL_RANGES)):
        quantise_for_trt(source, known, output)
        network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = rtx.OnnxParser(network, logger)
        assert parser.parse(output.read_bytes())
        profile = builder.create_optimization_profile()
        channels = network.get_input(0).shape[1]
        profile.set_shape("input", *[(1, channels, side, side) for side in (16, 64, 64)])
        config = builder.create_builder_config()
        config.add_optimization_profile(profile)
        assert builder.build_serialized_network(network, config).nbytes > 1000


def test_a_census_of_other_graphs(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    assert take_census(model) == Census(0, 4)
    output = tmp_path / "out.onnx"
    quantise_for_cpu(model, ranges, output)
    with pytest.raises(ModelError, match="has another zero point than a signed 0"):
        take_census(output)
    quantise_for_trt(model, ranges, output)
    graph = onnx.load(output)
    convolution = next(n for n in graph.graph.node if n.op_type == "Conv")
    convolution.input[0] = "scaled"
    onnx.save(graph, output)
    with pytest.raises(ModelError, match="quantised in part only"):
        take_census(output)


def test_what_cannot_be_done(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    with pytest.raises(UsageError, match="named like 'nothing'"):
        quantise_for_trt(model, ranges, output, ["nothing"])
    with pytest.raises(ModelError, match="scaled has no range; run ioebss-calibrate"):
        quantise_for_trt(model, Ranges("", "minmax", {}), output)
    with pytest.raises(ModelError, match="cannot be read"):
        quantise_for_trt(tmp_path / "none.onnx", ranges, output)
    (tmp_path / "text.onnx").write_text("no model at all")
    with pytest.raises(ModelError, match="is no ONNX model"):
        quantise_for_trt(tmp_path / "text.onnx", ranges, output)
    assert not output.exists()
