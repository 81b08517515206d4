"""How much two masks agree: the one measure behind validation, proofs and evaluation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import UsageError


def iou(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], valid: NDArray[np.bool_]) -> float:
    """Intersection over union (Jaccard index) of two masks.

    Args:
        prediction, truth: bool (H, W).
        valid: bool (H, W), False where pixels are void; those count nowhere.

    Returns:
        0..1; 1 where both masks are empty.

    Raises:
        UsageError: the shapes differ, or a mask is not bool.
    """
    check_masks(prediction, truth, valid)
    union = np.count_nonzero((prediction | truth) & valid)
    return float(np.count_nonzero(prediction & truth & valid) / union) if union else 1.0


def pixel_accuracy(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> float:
    """The part of the valid pixels that are on the right side. Masks as for `iou`.

    Returns:
        0..1; 1 where no pixel is valid.

    Raises:
        UsageError: the shapes differ, or a mask is not bool.
    """
    check_masks(prediction, truth, valid)
    count = np.count_nonzero(valid)
    return float(np.count_nonzero((prediction == truth) & valid) / count) if count else 1.0


def check_masks(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> None:
    """Refuses masks that cannot be compared.

    Raises:
        UsageError: the shapes differ, or a mask is not bool.
    """
    for name, mask in (("prediction", prediction), ("valid", valid)):
        if mask.shape != truth.shape:
            raise UsageError(f"{name} has shape {mask.shape}, the truth {truth.shape}")
    if prediction.dtype != np.bool_ or truth.dtype != np.bool_ or valid.dtype != np.bool_:
        raise UsageError("masks must be bool arrays; compare them, e.g. mask > 127")
