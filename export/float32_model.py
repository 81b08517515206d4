"""The float32 model that others are made of, and what it hands on to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ioebss.errors import UsageError
from ioebss.manifest import Manifest, check_graph, read_manifest, sha256_of


def float32_manifest(model: Path, *outputs: Path) -> Manifest:
    """The manifest of a float32 model, checked.

    Raises:
        UsageError: the model is in a lower precision, or is one of the outputs.
        ModelError: it or its manifest is missing or damaged.
    """
    manifest = read_manifest(model)
    check_graph(model, manifest)
    if manifest.precision != "fp32":
        raise UsageError(f"{model} is {manifest.precision} already; give the float32 model")
    for output in outputs:
        if output.resolve() == model.resolve():
            raise UsageError(f"{output} is the float32 model itself; choose another --output")
    return manifest


def in_lower_precision(
    manifest: Manifest, graph: Path, precision: str, made: dict[str, Any], command: str
) -> Manifest:
    """The manifest of a graph that was made of a float32 model. What was measured of that one is
    not true of this.

    Args:
        manifest: of the float32 model.
        graph: the ONNX file.
        precision: "fp16" or "int8".
        made: how, for the record of the training.
        command: that made it.
    """
    return replace(
        manifest,
        name=f"{manifest.name}-{precision}",
        precision=precision,
        sha256=sha256_of(graph),
        metrics=[],
        training={**manifest.training, **made},
        command=command,
    )
