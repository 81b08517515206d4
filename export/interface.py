"""Whether two models can take each other's place at all: the names and shapes at their edges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ioebss.backends import Backend
from ioebss.calibration.graph_parts import read_graph
from ioebss.errors import ModelError
from ioebss.manifest import INPUT, OUTPUT, Manifest

# What the runtime makes of a photo and its clicks follows from these.
SAME = ("channels", "planes", "click_radius", "zoom")
PHOTOS = ((480, 640), (640, 480))  # height and width: the shapes that are tried


@dataclass(frozen=True)
class Edge:
    """An input or output of a graph: name, element type, and sides, text where they are open."""

    name: str
    kind: str
    shape: tuple[int | str, ...]


def edges(graph: onnx.ModelProto) -> tuple[list[Edge], list[Edge]]:
    """Inputs and outputs of a graph."""
    constants = {constant.name for constant in graph.graph.initializer}
    inputs = [_edge(v) for v in graph.graph.input if v.name not in constants]
    return inputs, [_edge(v) for v in graph.graph.output]


def _edge(value: Any) -> Edge:
    tensor = value.type.tensor_type
    sides = tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim
    )
    return Edge(value.name, onnx.TensorProto.DataType.Name(tensor.elem_type), sides)


def name_failures(reference: Manifest, candidate: Manifest, graph: Path | None) -> list[str]:
    """What keeps the candidate from being fed as the reference is.

    Args:
        graph: the candidate's ONNX file; None for an engine, which is checked when it is loaded.

    Raises:
        ModelError: the file is no ONNX model.
    """
    found = [
        f"the manifests differ in {key}: {_shown(reference, key)} in the reference, "
        f"{_shown(candidate, key)} in the candidate"
        for key in SAME
        if getattr(reference, key) != getattr(candidate, key)
    ]
    if graph is None:
        return found
    inputs, outputs = edges(read_graph(graph))
    for what, values, name in (("inputs", inputs, INPUT), ("outputs", outputs, OUTPUT)):
        if [v.name for v in values] != [name]:
            names = ", ".join(v.name for v in values)
            found.append(f"the candidate's {what} are {names}; there must be one: {name}")
        elif values[0].kind != "FLOAT":
            found.append(f"the candidate's {name} is {values[0].kind}; it must be float32")
    return found


def shape_failures(reference: Manifest, candidate: Manifest, graph: Path | None) -> list[str]:
    """What in the declared shapes keeps the candidate from being fed as the reference is."""
    found = []
    if reference.fixed_size and candidate.fixed_size != reference.fixed_size:
        found.append(
            f"the reference takes {_size(reference)} only, the candidate {_size(candidate)}"
        )
    if candidate.size_multiple % reference.size_multiple:
        found.append(
            f"the candidate takes multiples of {candidate.size_multiple}, the reference of "
            f"{reference.size_multiple}"
        )
    if graph is None:
        return found
    (value,), _ = edges(read_graph(graph))
    if len(value.shape) != 4 or value.shape[1] != len(candidate.channels):
        found.append(
            f"the candidate's {INPUT} has shape {list(value.shape)}; expected "
            f"(N, {len(candidate.channels)}, H, W)"
        )
    return found


def answer_failures(candidate: Backend, manifest: Manifest) -> list[str]:
    """What is wrong with the shapes that the candidate answers, at its recommended size.

    Raises:
        BackendError: the engine failed.
    """
    found = []
    for height, width in sorted({manifest.input_size(*photo) for photo in PHOTOS}):
        inputs = np.zeros((1, len(manifest.channels), height, width), np.float32)
        try:
            logits = candidate.run(inputs)
        except ModelError as error:
            found.append(str(error))
        else:
            if logits.shape != (1, 1, height, width):
                found.append(f"inputs {inputs.shape} give logits of shape {logits.shape}")
    return found


def _shown(manifest: Manifest, key: str) -> str:
    value = getattr(manifest, key)
    return ", ".join(value) if key == "channels" else str(value)


def _size(manifest: Manifest) -> str:
    if manifest.fixed_size is None:
        return "any size"
    return "x".join(map(str, reversed(manifest.fixed_size)))
