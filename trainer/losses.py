"""The training loss: a weighted sum of terms, each blind to void pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ioebss.trainer.label_loss import label_loss

FOCAL_GAMMA = 2.0
BOUNDARY_WIDTH = 3  # pixels


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; 0 leaves a term out."""

    cross_entropy: float = 1.0
    normalised_focal: float = 0.0
    boundary: float = 0.0
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


def normalised_focal(scores: Tensor, mask: Tensor, void: Tensor) -> Tensor:
    """Focal loss, its weights normalised per image (Sofiiuk et al. 2019, AdaptIS, section 3.2).

    A pixel whose true class has probability p weighs (1 - p)^gamma; the weights of an image are
    scaled to a mean of 1 and are constants to the gradient. So the hard pixels decide, and the
    gradient does not fade as the image as a whole becomes easy.
    """
    pixelwise = F.cross_entropy(scores, mask.long(), reduction="none")
    valid = (~void).to(scores.dtype)
    with torch.no_grad():
        hardness = (1 - (-pixelwise).exp()) ** FOCAL_GAMMA * valid
        count = valid.sum((1, 2), keepdim=True)
        hardness *= count / hardness.sum((1, 2), keepdim=True).clamp(min=1e-6)
    return (pixelwise * hardness).sum() / valid.sum().clamp(min=1)


def boundary(scores: Tensor, mask: Tensor, void: Tensor) -> Tensor:
    """Mean cross entropy of the pixels at the object's outline: those with the other class within
    `BOUNDARY_WIDTH` pixels (chessboard distance). Void pixels are not in the mean, and to the
    others they are background."""
    solid = (mask & ~void).to(scores.dtype)[:, None]
    window = 2 * BOUNDARY_WIDTH + 1
    grown = F.max_pool2d(solid, window, 1, BOUNDARY_WIDTH)
    shrunk = -F.max_pool2d(-solid, window, 1, BOUNDARY_WIDTH)
    return cross_entropy(scores, mask, void | (grown == shrunk)[:, 0])


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
    if weights.normalised_focal:
        loss = loss + weights.normalised_focal * normalised_focal(scores, mask, void)
    if weights.boundary:
        loss = loss + weights.boundary * boundary(scores, mask, void)
    if weights.label:
        loss = loss + weights.label * label_loss(probability, planes, void)
    if weights.soft_iou:
        loss = loss + weights.soft_iou * soft_iou(probability, mask, void)
    return loss
