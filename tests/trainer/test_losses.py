"""The other terms, against torch's own and by hand; void pixels count in none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ioebss.trainer.losses import LossWeights, cross_entropy, soft_iou, total_loss


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


def test_soft_iou_by_hand() -> None:
    probability = torch.tensor([[[0.8, 0.5, 0.1]], [[1.0, 0.0, 0.3]]], dtype=torch.float64)
    mask = torch.tensor([[[True, False, True]], [[True, False, False]]])
    void = torch.tensor([[[False, False, False]], [[False, False, True]]])
    # first: intersection 0.8 + 0.1, union 1 + 0.5 + 1; second: perfect where it is not void
    expected = 1 - (0.9 / 2.5 + 1.0) / 2
    assert soft_iou(probability, mask, void).item() == pytest.approx(expected, abs=1e-12)


def test_total_is_the_weighted_sum() -> None:
    scores, planes, mask, void = random_case(3)
    terms = [
        total_loss(scores, planes, mask, void, LossWeights(*weights)).item()
        for weights in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    ]
    together = total_loss(scores, planes, mask, void, LossWeights(0.5, 2.0, 3.0)).item()
    assert together == pytest.approx(0.5 * terms[0] + 2 * terms[1] + 3 * terms[2], rel=1e-5)
    assert min(terms) > 0.05


def test_total_is_float32_under_half_precision_scores() -> None:
    scores, planes, mask, void = random_case(4)
    loss = total_loss(scores.bfloat16(), planes, mask, void, LossWeights(1, 1, 1))
    assert loss.dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), change=st.integers(1, 2**31), share=st.floats(0, 1))
def test_void_counts_nowhere(seed: int, change: int, share: float) -> None:
    """Whatever scores, planes and mask say at void pixels, loss and gradient stay the same."""
    weights = LossWeights(1.0, 1.0, 1.0)
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
