"""The other terms, against torch's own and by hand; void pixels count in none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt
from torch.nn import functional as F

from ioebss.trainer.losses import (
    LossWeights,
    boundary,
    cross_entropy,
    normalised_focal,
    soft_iou,
    total_loss,
)


def random_case(seed: int, void_share: float = 0.3):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 2, 5, 7, generator=generator, dtype=torch.float64) * 3
    mask = torch.rand(2, 5, 7, generator=generator) < 0.4
    void = torch.rand(2, 5, 7, generator=generator) < void_share
    planes = (torch.rand(2, 2, 5, 7, generator=generator) < 0.3).to(torch.uint8)
    return scores, planes, mask, void


def test_cross_entropy_is_torchs_with_void_ignored() -> None:
    scores, _, mask, void = random_case(1)
    labels = mask.long().masked_fill(void, 255)
    expected = F.cross_entropy(scores, labels, ignore_index=255)
    assert cross_entropy(scores, mask, void).item() == pytest.approx(expected.item(), rel=1e-12)


def test_cross_entropy_of_a_photo_that_is_all_void_is_zero() -> None:
    scores, _, mask, void = random_case(2)
    assert cross_entropy(scores, mask, torch.ones_like(void)).item() == 0


def log_likelihood(scores: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """log(probability of the true class) of each pixel, from the margin between the two scores."""
    margin = (scores[:, 1] - scores[:, 0]).detach().numpy() * np.where(mask.numpy(), 1, -1)
    return -np.log1p(np.exp(-margin))


def test_normalised_focal_is_its_formula() -> None:
    scores, _, mask, void = random_case(5)
    scores[1] *= 0.2  # one photo harder than the other
    valid = ~void.numpy()
    logs = log_likelihood(scores, mask)
    expected = 0.0
    for log, counts in zip(logs, valid, strict=True):
        weights = (1 - np.exp(log[counts])) ** 2
        expected -= (weights / weights.mean() * log[counts]).sum()
    expected /= valid.sum()
    assert normalised_focal(scores, mask, void).item() == pytest.approx(expected, rel=1e-9)


def test_weights_of_normalised_focal_are_constants_to_its_gradient() -> None:
    scores, _, mask, void = random_case(6)
    scores.requires_grad_()
    normalised_focal(scores, mask, void).backward()
    valid = ~void.numpy()
    wrong = 1 - np.exp(log_likelihood(scores, mask))
    weights = wrong**2 * valid
    weights *= (valid.sum((1, 2)) / weights.sum((1, 2)))[:, None, None]
    # Cross entropy's slope in the true class's score is -(1 - p); in the other's the opposite.
    slope = weights * wrong / valid.sum() * np.where(mask.numpy(), -1, 1)
    np.testing.assert_allclose(scores.grad[:, 1].numpy(), slope, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(scores.grad[:, 0].numpy(), -slope, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("term", [normalised_focal, boundary])
def test_a_photo_that_is_all_void_adds_nothing(term) -> None:
    scores, _, mask, void = random_case(7)
    void[1] = True
    together = term(scores, mask, void).item()
    assert together == pytest.approx(term(scores[:1], mask[:1], void[:1]).item(), rel=1e-9)
    assert term(scores, mask, torch.ones_like(void)).item() == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), side=st.integers(0, 15), void_share=st.floats(0, 0.4))
def test_boundary_is_cross_entropy_near_the_outline(
    seed: int, side: int, void_share: float
) -> None:
    """The outline by SciPy's chessboard distances; the photo's own border is none, and void is
    background to it, whatever the mask says there."""
    rng = np.random.default_rng(seed)
    top, left = rng.integers(-2, 15, 2)
    solid = np.zeros((20, 24), bool)
    solid[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = True
    void = rng.random(solid.shape) < void_share
    mask, solid = torch.from_numpy(solid[None]), solid & ~void
    scores = torch.from_numpy(rng.normal(0, 3, (1, 2, *solid.shape)))
    expected = 0.0
    if solid.any() and not solid.all():
        inside, outside = (distance_transform_cdt(m, "chessboard") for m in (solid, ~solid))
        outline = (np.where(solid, inside, outside) <= 3) & ~void
        if outline.any():
            expected = -log_likelihood(scores, mask)[0][outline].mean()
    loss = boundary(scores, mask, torch.from_numpy(void[None]))
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_soft_iou_by_hand() -> None:
    probability = torch.tensor([[[0.8, 0.5, 0.1]], [[1.0, 0.0, 0.3]]], dtype=torch.float64)
    mask = torch.tensor([[[True, False, True]], [[True, False, False]]])
    void = torch.tensor([[[False, False, False]], [[False, False, True]]])
    # first: intersection 0.8 + 0.1, union 1 + 0.5 + 1; second: perfect where it is not void
    expected = 1 - (0.9 / 2.5 + 1.0) / 2
    assert soft_iou(probability, mask, void).item() == pytest.approx(expected, abs=1e-12)


def test_total_is_the_weighted_sum() -> None:
    scores, planes, mask, void = random_case(3)
    mask[:, :, 1:] = False  # so that not all pixels are at the outline
    terms = [
        total_loss(scores, planes, mask, void, LossWeights(*weights)).item()
        for weights in np.eye(5).tolist()
    ]
    factors = [0.5, 2.0, 0.25, 3.0, 1.5]
    together = total_loss(scores, planes, mask, void, LossWeights(*factors)).item()
    assert together == pytest.approx(np.dot(factors, terms), rel=1e-5)
    assert min(terms) > 0.05 and len(set(terms)) == 5


def test_total_is_float32_under_half_precision_scores() -> None:
    scores, planes, mask, void = random_case(4)
    loss = total_loss(scores.bfloat16(), planes, mask, void, LossWeights(1, 1, 1, 1, 1))
    assert loss.dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), change=st.integers(1, 2**31), share=st.floats(0, 1))
def test_void_counts_nowhere(seed: int, change: int, share: float) -> None:
    """Whatever scores, planes and mask say at void pixels, loss and gradient stay the same."""
    weights = LossWeights(1.0, 1.0, 1.0, 1.0, 1.0)
    scores, planes, mask, void = random_case(seed, share)
    others = random_case(seed ^ change, share)
    scores.requires_grad_()
    loss = total_loss(scores, planes, mask, void, weights)
    loss.backward()
    assert torch.all(scores.grad.masked_select(void[:, None].expand_as(scores)) == 0)
    everywhere = void[:, None]
    changed = total_loss(
        torch.where(everywhere, others[0], scores.detach()),
        torch.where(everywhere, others[1], planes),
        torch.where(void, others[2], mask),
        void,
        weights,
    )
    assert changed.item() == pytest.approx(loss.item(), rel=1e-6, abs=1e-7)
