"""The 8-bit graph, by the definition of Q/DQ and by what ONNX Runtime makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from ioebss.calibration.cpu_graph import quantise_for_cpu, take_census
from ioebss.calibration.graph_parts import Census
from ioebss.calibration.ranges import Ranges
from ioebss.errors import ModelError, UsageError


def test_all_but_the_edges_run_in_8_bits(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    # The classifier, with what comes after it, stays in float.
    assert quantise_for_cpu(model, ranges, output) == Census(eight_bit=3, in_float=1)
    assert quantise_for_cpu(model, ranges, output, ["stem"]) == Census(2, 2)
    assert quantise_for_cpu(model, ranges, output, ["stem", "blocks.0."]) == Census(1, 3)
    assert take_census(model) == Census(0, 4)


def test_scales_follow_from_the_ranges(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    quantise_for_cpu(model, ranges, output)
    graph = onnx.load(output).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    quantisers = {n.input[0]: n for n in graph.node if n.op_type == "QuantizeLinear"}
    assert "input" not in quantisers  # the raw input is never quantised
    scale, zero = (constants[name] for name in quantisers["scaled"].input[1:])
    assert scale == pytest.approx(2 / 255) and zero == 0 and zero.dtype == np.uint8
    # Clip goes: 0..6 in unsigned 8 bits does the same.
    assert not any(n.op_type == "Clip" for n in graph.node)
    name = "blocks.0.weight"
    weight = numpy_helper.to_array(
        next(c for c in onnx.load(model).graph.initializer if c.name == name)
    )
    scales, quantised = constants[f"{name}_scale"], constants[f"{name}_quantized"]
    assert quantised.dtype == np.int8 and scales.shape == (8,)  # one scale per output channel
    np.testing.assert_allclose(scales, np.abs(weight).max((1, 2, 3)) / 127, rtol=1e-5)
    np.testing.assert_allclose(quantised * scales[:, None, None, None], weight, atol=scales.max())


def test_the_answer_is_nearly_the_same(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    quantise_for_cpu(model, ranges, output)
    inputs = np.random.default_rng(1).uniform(0, 255, (1, 6, 40, 40)).astype(np.float32)
    expected, actual = (
        onnxruntime.InferenceSession(str(path)).run(None, {"input": inputs})[0]
        for path in (model, output)
    )
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.995


def test_what_cannot_be_done(model: Path, ranges: Ranges, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    with pytest.raises(UsageError, match="named like 'nothing'"):
        quantise_for_cpu(model, ranges, output, ["nothing"])
    with pytest.raises(ModelError, match="cannot be quantised with these ranges"):
        quantise_for_cpu(model, Ranges("", "minmax", {}), output)
