"""The float32 model that others are made of."""

from __future__ import annotations

from pathlib import Path

from ioebss.errors import UsageError
from ioebss.manifest import Manifest, check_graph, read_manifest


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
