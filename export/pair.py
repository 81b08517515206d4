"""Reference and candidate, loaded, and shown the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import Backend, open_backend
from ioebss.calibration.graph_parts import read_graph
from ioebss.choice import CPU
from ioebss.export.half import half_tensors, write_rounded
from ioebss.export.naming import ONNX
from ioebss.manifest import Manifest
from ioebss.session import Session


@dataclass(frozen=True)
class Model:
    """A model on an engine.

    Attributes:
        backend: that runs it.
        graph: ONNX file with what the engine computes, or None where there is none to look into.
        described: the engine, and what was done so that it shows what is to be seen.
    """

    backend: Backend
    graph: Path | None
    described: str


@dataclass(frozen=True)
class Pair:
    """Two models and the manifest that both are fed by: the candidate's, whose users count."""

    reference: Model
    candidate: Model
    manifest: Manifest

    def open(self, backend: Backend, image: NDArray[np.uint8]) -> Session:
        """A session on a photo, uint8 (H, W, 3), with the backend of one of the two."""
        return Session(image, self.manifest, backend, zoom=self.manifest.zoom)


def open_model(path: Path, manifest: Manifest, backend: str, folder: Path) -> Model:
    """Loads a model on an engine, by its name: "auto" could prove a graph on another one.

    Args:
        folder: for a changed copy. On the CPU, a graph with half tensors is led through
            `half.write_rounded`.

    Raises:
        BackendError: the engine cannot be used here.
        ModelError: the model is damaged or does not fit its manifest.
    """
    if path.suffix != ONNX:
        return Model(open_backend(path, manifest, backend), None, backend)
    described = backend
    if backend == CPU and half_tensors(graph := read_graph(path)):
        copy = folder / f"rounded-{path.name}"
        count = write_rounded(graph, copy)
        if count:
            path, described = copy, f"{backend}, {count} tensors rounded to half precision"
    return Model(open_backend(path, manifest, backend), path, described)
