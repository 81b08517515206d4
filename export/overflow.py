"""Which nodes of a graph must stay in float32 when the rest becomes half precision, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from ioebss.calibration.graph_parts import before_the_network, load_typed, named_like

LARGEST = float(np.finfo(np.float16).max)  # 65504
RESERVE = 2.0  # other photos may drive an activation further than those that were measured
SMALLEST = float(np.finfo(np.float16).tiny)  # of full precision, 6.1e-5
ROUNDING = 2.0**-11  # what rounding costs at most, relatively
LOST = 4 * ROUNDING  # of a channel's weights: more is underflow


def nodes_in_float(
    model: Path, ranges: Mapping[str, tuple[float, float]], keep: Sequence[str] = ()
) -> dict[str, str]:
    """Names of the nodes that must stay in float32, each with the reason in words.

    The normalisation stays, so that every grey level arrives; and so does what would overflow or
    underflow: a node that reads or writes an activation beyond half of 65504, holds a weight
    beyond 65504, or loses a channel's weights to underflow.

    Args:
        model: float32 ONNX file.
        ranges: least and greatest value of its activations; what is not in it is taken for small.
        keep: nodes whose name, or a weight's name, is or contains one of these texts stay too.

    Raises:
        UsageError: a text of `keep` is in no name.
        ModelError: the model cannot be read.
    """
    graph = load_typed(model)
    reasons = dict.fromkeys(before_the_network(graph), "normalisation")
    kept = named_like(graph, graph.graph.node, keep, "node")
    reasons |= dict.fromkeys(kept, "asked for")
    largest = {name: max(map(abs, bounds)) for name, bounds in ranges.items()}
    weights = {c.name: c for c in graph.graph.initializer if c.data_type == c.FLOAT}
    for node in graph.graph.node:
        values = {n: largest.get(n, 0.0) for n in (*node.input, *node.output)}
        name = max(values, key=values.__getitem__, default="")
        if values.get(name, 0.0) * RESERVE > LARGEST:
            reasons[node.name] = f"{name} reaches {values[name]:.3g}"
        for constant in (weights[n] for n in node.input if n in weights):
            factor = largest.get(node.input[0], 0.0) if len(constant.dims) > 1 else 1.0
            weight = numpy_helper.to_array(constant)
            if reason := _weight_lost(weight, factor, largest.get(node.output[0], 0.0)):
                reasons[node.name] = f"{constant.name} {reason}"
    return reasons


def _weight_lost(weight: NDArray[np.float32], factor: float, answer: float) -> str:
    """What half precision would do to weights; empty if nothing.

    Args:
        weight: the first axis is that of the output channels.
        factor: greatest absolute value that is multiplied by them; 1 for what is added.
        answer: greatest absolute value that comes out.
    """
    greatest = float(np.abs(weight).max(initial=0.0))
    if greatest > LARGEST:
        return f"reaches {greatest:.3g}"
    rows = weight.reshape(len(weight), -1) if weight.ndim > 1 else weight.reshape(1, -1)
    whole = np.abs(rows).sum(1)
    lost = np.abs(rows - rows.astype(np.float16)).sum(1)
    # What moves no output by more than half precision rounds the greatest one does not count.
    least = max(SMALLEST, ROUNDING * answer)
    if ((lost > LOST * whole) & (lost * factor > least)).any():
        return f"underflows: at most {greatest:.3g}"
    return ""
