"""How much the masks of a quantised graph agree with the float32 model's on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import open_backend
from ioebss.choice import CPU
from ioebss.errors import DataError
from ioebss.manifest import read_manifest
from ioebss.overlap import iou


@dataclass(frozen=True)
class Agreement:
    """IoU with the float32 model's masks: the mean over all inputs, and the worst."""

    mean_iou: float
    worst_iou: float


class Reference:
    """The masks of a float32 model on recorded inputs.

    Each graph is shown the very same inputs. That is quicker than playing sessions, and no early
    difference is carried on through previous masks and windows, so that it tells layers apart; the
    proof of an export plays sessions.

    Args:
        model: float32 ONNX file with its manifest.
        inputs: float32 (1, C, H, W) each, of `ioebss.calibration.samples.network_inputs`; they stay
            in memory.

    Raises:
        DataError: there is no input.
        ModelError: the model cannot be loaded.
    """

    def __init__(self, model: Path, inputs: Sequence[NDArray[np.float32]]) -> None:
        if not inputs:
            raise DataError("nothing to compare masks on: no photo has an object large enough")
        self.model, self.inputs = model, inputs
        self.manifest = read_manifest(model)
        self._masks = self._masks_of(model)

    def every(self, step: int) -> Reference:
        """Only the first of each so many inputs."""
        return Reference(self.model, self.inputs[::step])

    def __len__(self) -> int:
        return len(self.inputs)

    def compare(self, graph: Path) -> Agreement:
        """Shows the inputs to another graph of the same model.

        Raises:
            ModelError: the graph cannot be loaded.
        """
        pairs = zip(self._masks_of(graph), self._masks, strict=True)
        ious = [iou(mask, reference, np.ones_like(mask)) for mask, reference in pairs]
        return Agreement(float(np.mean(ious)), min(ious))

    def _masks_of(self, graph: Path) -> list[NDArray[np.bool_]]:
        # By name: with "auto" a graph for CPUs could be run by another engine.
        backend = open_backend(graph, self.manifest, CPU)
        return [backend.run(inputs) > 0 for inputs in self.inputs]
