"""Label Loss against values worked by hand from equation 4."""

from __future__ import annotations

import math

import pytest
import torch

from ioebss.trainer.label_loss import label_loss


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def one_row(probability: list[float], positive: list[int], negative: list[int], void: list[int]):
    return (
        torch.tensor([[probability]], dtype=torch.float64),
        torch.tensor([[[positive], [negative]]], dtype=torch.uint8),
        torch.tensor([[void]], dtype=torch.bool),
    )


def test_mean_over_clicked_pixels_with_the_printed_signs() -> None:
    loss = label_loss(*one_row([0.9, 0.2, 0.4, 0.7], [1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]))
    # -1 on the positive plane, +1 on the negative one; the third pixel is not clicked
    expected = (sigmoid(-0.9) + sigmoid(0.2) + sigmoid(-0.7)) / 3
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    assert loss.item() == pytest.approx((0.289050 + 0.549834 + 0.331812) / 3, abs=1e-6)


def test_limits_are_sigmoid_of_one() -> None:
    best = label_loss(*one_row([1.0, 0.0], [1, 0], [0, 1], [0, 0]))
    worst = label_loss(*one_row([0.0, 1.0], [1, 0], [0, 1], [0, 0]))
    assert best.item() == pytest.approx((0.268941421 + 0.5) / 2, abs=1e-8)
    assert worst.item() == pytest.approx((0.5 + 0.731058579) / 2, abs=1e-8)


def test_pixel_on_both_planes_counts_once_with_each_sign() -> None:
    loss = label_loss(*one_row([0.3], [1], [1], [0]))
    assert loss.item() == pytest.approx((sigmoid(-0.3) + sigmoid(0.3)) / 2, abs=1e-12)


def test_void_pixels_do_not_count() -> None:
    with_void = label_loss(*one_row([0.9, 0.1], [1, 1], [0, 0], [0, 1]))
    assert with_void.item() == pytest.approx(sigmoid(-0.9), abs=1e-12)


def test_mean_is_over_the_whole_batch() -> None:
    probability = torch.tensor([[[0.5, 0.5]], [[0.1, 0.1]]], dtype=torch.float64)
    planes = torch.zeros(2, 2, 1, 2)
    planes[0, 0, 0] = 1  # two positive pixels in the first image, one negative in the second
    planes[1, 1, 0, 0] = 1
    loss = label_loss(probability, planes, torch.zeros(2, 1, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx((2 * sigmoid(-0.5) + sigmoid(0.1)) / 3, abs=1e-12)


def test_without_clicks_it_is_zero_and_has_a_gradient() -> None:
    probability, planes, void = one_row([0.4, 0.6], [0, 0], [0, 0], [0, 0])
    probability.requires_grad_()
    loss = label_loss(probability, planes, void)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(probability.grad, torch.zeros_like(probability))


def test_gradient_raises_foreground_discs_and_lowers_background_discs() -> None:
    probability, planes, void = one_row([0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 0])
    probability.requires_grad_()
    label_loss(probability, planes, void).backward()
    gradient = probability.grad.flatten().tolist()
    slope = sigmoid(0.5) * (1 - sigmoid(0.5)) / 2  # derivative of the sigmoid, over two pixels
    assert gradient == pytest.approx([-slope, slope, 0.0], abs=1e-12)
