"""The mean of two exported models.

What a training began with and what it ended with, or the ends of two that began alike, often lie in
one valley of the loss, and the mean of their weights does better than either (Wortsman et al. 2022,
"Model soups"). Batch normalisation is folded already, so that nothing has to be measured anew.
Whether it is better only a measurement tells: `ioebss-bench`.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ioebss.calibration.graph_parts import read_graph
from ioebss.errors import ModelError, UsageError
from ioebss.export.float32_model import float32_manifest
from ioebss.export.naming import check_model_output
from ioebss.export.placing import put_in_place
from ioebss.manifest import sha256_of

SAME = (
    "architecture",
    "channels",
    "planes",
    "click_radius",
    "size_multiple",
    "fixed_size",
    "opset",
)


def average(first: Path, second: Path, output: Path, share: float, command: str = "") -> None:
    """Writes the weighted mean of two models and its manifest: the second's, with what it is of.

    Args:
        first, second: float32 ONNX files of one network, with their manifests.
        output: the ONNX file to write.
        share: of the second, 0..1.
        command: as it was typed.

    Raises:
        UsageError: a model is not float32 or is the output itself, or a share out of range.
        ModelError: a file cannot be read, or the two are not the same network.
        OutputError: the files cannot be written.
    """
    check_model_output(output)
    if not 0 <= share <= 1:
        raise UsageError(f"--share {share}: it must be 0 to 1")
    manifests = [float32_manifest(path, output) for path in (first, second)]
    for key in SAME:
        values = [getattr(manifest, key) for manifest in manifests]
        if values[0] != values[1]:
            raise ModelError(f"{first} and {second} differ in {key}: {values[0]}, {values[1]}")
    graph, other = read_graph(first), read_graph(second)
    _average_constants(graph, other, share, f"{first} and {second} are not the same network")
    mixed = [
        {"name": m.name, "sha256": m.sha256, "share": s, "training": m.training}
        for m, s in zip(manifests, (1 - share, share), strict=True)
    ]
    with tempfile.TemporaryDirectory(prefix="ioebss-average-") as folder:
        path = Path(folder) / output.name
        onnx.save(graph, path)
        manifest = replace(
            manifests[1],
            sha256=sha256_of(path),
            training={"averaged": mixed},
            metrics=[],
            command=command,
        )
        put_in_place([(path, manifest, output)])


def _average_constants(
    graph: onnx.ModelProto, other: onnx.ModelProto, share: float, refusal: str
) -> None:
    nodes, names = _in_order(graph.graph)
    other_nodes, other_names = _in_order(other.graph)
    if nodes != other_nodes or len(names) != len(other_names):
        raise ModelError(refusal)
    places = {name: place for place, name in enumerate(names)}
    constants = {c.name: c for c in other.graph.initializer}
    for constant in graph.graph.initializer:
        theirs = constants.get(other_names[places[constant.name]])
        if theirs is None:
            raise ModelError(f"{refusal}: {constant.name}")
        constant.CopyFrom(_mean(constant, theirs, share, refusal))


def _in_order(graph: onnx.GraphProto) -> tuple[list[tuple[object, ...]], list[str]]:
    """The nodes of a graph whatever its values are called, and the values in the order in which
    they occur. An exporter numbers them: of two versions of it one network has other names."""
    values: dict[str, int] = {}
    for value in (*graph.input, *graph.output):
        values.setdefault(value.name, len(values))
    nodes: list[tuple[object, ...]] = []
    for node in graph.node:
        places = [
            [values.setdefault(n, len(values)) for n in ns] for ns in (node.input, node.output)
        ]
        attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
        nodes.append((node.domain, node.op_type, *places, attributes))
    for constant in graph.initializer:  # one that nothing reads
        values.setdefault(constant.name, len(values))
    return nodes, list(values)


def _mean(
    mine: onnx.TensorProto, theirs: onnx.TensorProto, share: float, refusal: str
) -> onnx.TensorProto:
    """The weighted mean of two constants, under the first's name."""
    one, other = numpy_helper.to_array(mine), numpy_helper.to_array(theirs)
    if one.shape != other.shape or one.dtype != other.dtype:
        raise ModelError(f"{refusal}: {mine.name}")
    if np.array_equal(one, other):
        return mine
    if one.dtype != np.float32:
        raise ModelError(f"{refusal}: {mine.name}")
    mean = np.asarray((1 - share) * one + share * other, np.float32)
    return numpy_helper.from_array(mean, mine.name)
