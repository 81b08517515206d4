"""The training loss: a weighted sum of terms, each blind to void pixels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from ioebss.trainer.label_loss import label_loss


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; 0 leaves a term out."""

    cross_entropy: float = 1.0
    label: float = 1.0
    soft_iou: float = 0.0


def cross_entropy(scores: Tensor, mask: Tensor, void: Tensor) -> Tensor:
    """Mean two-class cross entropy over the pixels that are not void.

    Args:
        scores: (N, 2, H, W) before softmax, background and foreground.
        mask: bool (N, H, W), the object.
        void: bool (N, H, W).
    """
    pixelwise = F.cross_entropy(scores, mask.long(), reduction="none")
    valid = ~void
    return (pixelwise * valid).sum() / valid.sum().clamp(min=1)


def soft_iou(probability: Tensor, mask: Tensor, void: Tensor) -> Tensor:
    """1 - IoU with probabilities in place of 0 and 1, per image, averaged (Rahman & Wang 2016)."""
    valid = (~void).to(probability.dtype)
    truth = mask.to(probability.dtype)
    intersection = (probability * truth * valid).sum((1, 2))
    union = ((probability + truth - probability * truth) * valid).sum((1, 2))
    return 1 - (intersection / union.clamp(min=1e-6)).mean()


def total_loss(
    scores: Tensor, planes: Tensor, mask: Tensor, void: Tensor, weights: LossWeights
) -> Tensor:
    """The weighted sum, computed in float32 whatever the scores' dtype."""
    scores = scores.float()
    probability = scores.softmax(1)[:, 1]
    loss = weights.cross_entropy * cross_entropy(scores, mask, void)
    if weights.label:
        loss = loss + weights.label * label_loss(probability, planes, void)
    if weights.soft_iou:
        loss = loss + weights.soft_iou * soft_iou(probability, mask, void)
    return loss
