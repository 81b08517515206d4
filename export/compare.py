"""The masks of a model in lower precision against the reference's, in short: what the 8-bit export
demands. The whole proof is `ioebss.export.prove`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ioebss.export.masks import CLICKS, compare_on
from ioebss.export.pair import CPU, Pair, open_model
from ioebss.export.photographs import WithObjects
from ioebss.export.prove import MAX_PHOTOS
from ioebss.manifest import read_manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset


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
    """Clicks in the centre of the larger error, `CLICKS` times, on the largest object of each
    photo; each model is fed its own masks.

    Args:
        reference, candidate: ONNX files with their manifests.
        dataset: photographs with objects; at most `max_photos`, evenly spread, are taken.

    Raises:
        ModelError: a model cannot be loaded.
        DataError: no photo has an object that is large enough.
    """
    with tempfile.TemporaryDirectory(prefix="ioebss-proof-") as folder:
        models = [
            open_model(path, read_manifest(path), CPU, Path(folder))
            for path in (reference, candidate)
        ]
        pair = Pair(models[0], models[1], read_manifest(candidate))
        photographs = WithObjects(dataset).at_most(max_photos)
        masks = compare_on(pair, photographs, progress, CLICKS)
    truth = () if masks.truth is None else masks.truth.mean_iou
    return MaskProof(
        masks.photos,
        masks.masks,
        masks.session_iou,
        masks.worst_session_iou,
        masks.worst_session_photo,
        truth,
    )
