"""The proof of a model in lower precision: the same clicks on real photographs, the reference's
masks beside its own, and both against the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError
from ioebss.overlap import iou
from ioebss.precision import EXACT
from ioebss.progress import Progress
from ioebss.segmenter import Segmenter
from ioebss.simulation import centre_click
from ioebss.trainer.datasets.scene import MIN_AREA, VOID, SceneDataset

CLICKS = 5
MAX_PHOTOS = 100


@dataclass(frozen=True)
class MaskThresholds:
    """What is demanded of the masks' IoU with the reference's."""

    mean: float
    worst: float


INT8 = MaskThresholds(mean=0.97, worst=0.0)


@dataclass(frozen=True)
class MaskProof:
    """What was measured.

    Attributes:
        photos, masks: how many were compared.
        mean_iou, worst_iou: of the masks with the reference's.
        worst_photo: where the worst was.
        truth_iou: after each click, mean IoU with the truth: the reference's and the candidate's.
    """

    photos: int
    masks: int
    mean_iou: float
    worst_iou: float
    worst_photo: str
    truth_iou: tuple[tuple[float, float], ...]

    def failures(self, limits: MaskThresholds) -> list[str]:
        """What is not as demanded, in words."""
        found = []
        if not self.mean_iou >= limits.mean:
            found.append(f"mean IoU with the reference {self.mean_iou:.4f}, demanded {limits.mean}")
        if not self.worst_iou >= limits.worst:
            found.append(
                f"IoU {self.worst_iou:.4f} with the reference on {self.worst_photo}, demanded "
                f"{limits.worst}"
            )
        return found

    def table(self) -> str:
        """As text."""
        lines = [
            f"{self.masks} masks of {self.photos} photographs: IoU with the reference "
            f"{self.mean_iou:.4f} on average, {self.worst_iou:.4f} at worst ({self.worst_photo})",
            "clicks   IoU with the truth: reference   candidate",
        ]
        for number, (reference, candidate) in enumerate(self.truth_iou, 1):
            lines.append(f"{number:6d} {reference:30.4f} {candidate:11.4f}")
        return "\n".join(lines)


def compare_masks(
    reference: Path,
    candidate: Path,
    dataset: SceneDataset,
    progress: Progress,
    max_photos: int = MAX_PHOTOS,
) -> MaskProof:
    """Clicks in the centre of the reference's larger error, `CLICKS` times, on the largest object
    of each photo, with both models; each is fed its own masks.

    Args:
        reference, candidate: ONNX files with their manifests.
        dataset: photographs with objects; at most `max_photos`, evenly spread, are taken.

    Raises:
        ModelError: a model cannot be loaded.
        DataError: no photo has an object that is large enough.
    """
    # By name and exactly: with "auto" another engine or another file could be proven.
    models = tuple(
        Segmenter(m, backend="onnxruntime-cpu", precision=EXACT) for m in (reference, candidate)
    )
    overlaps: list[tuple[float, str]] = []
    truths: list[list[tuple[float, float]]] = [[] for _ in range(CLICKS)]
    chosen = np.linspace(0, len(dataset) - 1, min(max_photos, len(dataset))).astype(int)
    photos = 0
    with progress.task("proving", len(chosen)) as advance:
        for index in chosen:
            scene = dataset.scene(int(index))
            largest = scene.largest(MIN_AREA)
            if largest is not None:
                photos += 1
                truth = scene.labels == largest
                valid = scene.labels != VOID
                for number, masks in enumerate(_both(models, scene.image, truth, valid)):
                    overlaps.append((iou(*masks, np.ones_like(truth)), scene.name))
                    a, b = (iou(mask, truth, valid) for mask in masks)
                    truths[number].append((a, b))
            advance()
    if not overlaps:
        raise DataError(f"no photo has an object of {MIN_AREA} pixels to prove the model on")
    worst, name = min(overlaps)
    means = [tuple(np.mean(pairs, 0).tolist()) for pairs in truths if pairs]
    mean = float(np.mean([value for value, _ in overlaps]))
    return MaskProof(photos, len(overlaps), mean, worst, name, tuple(means))


def _both(
    models: tuple[Segmenter, ...],
    image: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """The masks of both models after each click."""
    reference, candidate = (model.open(image) for model in models)
    mask = np.zeros_like(truth)
    for _ in range(CLICKS):
        click = centre_click(mask, truth, valid, reference.clicks)
        if click is None:
            return
        mask = reference.click(click.x, click.y, click.label)
        yield mask, candidate.click(click.x, click.y, click.label)
