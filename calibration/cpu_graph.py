"""An 8-bit graph for ONNX Runtime on CPUs: Q/DQ nodes around everything, activations in unsigned
asymmetric 8 bits, weights signed, one scale for each output channel. That is what its kernels for
VNNI take; other placements run in float after all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from ioebss.calibration.float_islands import protect_float_convolutions
from ioebss.calibration.graph_parts import (
    Census,
    before_the_network,
    behind_the_network,
    convolutions,
    element_types,
    load_typed,
    named_like,
)
from ioebss.calibration.ranges import Ranges
from ioebss.errors import ModelError

# ReLU6 is Clip: it costs nothing, the quantiser's own limits take its place.
OPERATIONS = ("Conv", "Add", "Concat", "Resize", "Clip", "Relu")


def quantise_for_cpu(model: Path, ranges: Ranges, output: Path, keep: Sequence[str] = ()) -> Census:
    """Writes the 8-bit graph of a float32 model.

    The normalisation in front of the first convolution stays in float32: at a scale fit for 0..255
    the click planes would be lost. So does the last convolution, with what comes after it.

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
        ModelError: an activation has no range, or a convolution would not run in 8 bits.
    """
    graph = load_typed(model)
    in_float = nodes_in_float(graph, keep)
    kept = sum(node.name in in_float for node in convolutions(graph))
    onnx.save(insert_qdq(graph, ranges, excluded=in_float), output)
    census = take_census(output)
    if census.in_float != kept:
        raise ModelError(
            f"{census.in_float} convolutions run in float32 after quantising, not {kept}: this "
            "version of ONNX Runtime places 8-bit arithmetic differently"
        )
    return census


def insert_qdq(
    graph: onnx.ModelProto,
    ranges: Ranges,
    only: Iterable[str] = (),
    excluded: Iterable[str] = (),
) -> onnx.ModelProto:
    """Quantises nodes of a float32 graph. Convolutions that stay in float32 do so in ONNX Runtime
    too.

    Args:
        graph: with inferred shapes; it is changed.
        ranges: of its activations.
        only: names of the nodes to quantise; without any, all of `OPERATIONS`.
        excluded: names of nodes that are not quantised.

    Raises:
        ModelError: an activation has no range.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QDQQuantizer,
        QuantType,
        TensorsData,
    )

    limits = {k: (np.float32(v[0]), np.float32(v[1])) for k, v in ranges.ranges.items()}
    quantiser = QDQQuantizer(
        graph,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, limits),
        nodes_to_quantize=list(only),
        nodes_to_exclude=sorted(excluded),
        op_types_to_quantize=list(OPERATIONS),
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    try:
        quantiser.quantize_model()
    except (KeyError, ValueError) as error:
        raise ModelError(f"the model cannot be quantised with these ranges: {error}") from None
    quantised: onnx.ModelProto = quantiser.model.model
    protect_float_convolutions(quantised)
    return quantised


def nodes_in_float(graph: onnx.ModelProto, keep: Sequence[str] = ()) -> set[str]:
    """Names of the nodes that are not quantised: the edges, what computes shapes, and what is asked
    for; see `quantise_for_cpu`."""
    types = element_types(graph)
    shapes = {
        node.name
        for node in graph.graph.node
        if node.op_type in OPERATIONS
        and any(types.get(n, TensorProto.FLOAT) != TensorProto.FLOAT for n in node.output)
    }
    kept = named_like(graph, convolutions(graph), keep, "convolution")
    return before_the_network(graph) | behind_the_network(graph) | shapes | kept


def take_census(model: Path) -> Census:
    """Counts convolutions in the graph as ONNX Runtime's CPU provider optimises it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="ioebss-census-") as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(options.optimized_model_filepath)
    kinds = [node.op_type for node in graph.graph.node]
    return Census(kinds.count("QLinearConv"), kinds.count("Conv") + kinds.count("FusedConv"))
