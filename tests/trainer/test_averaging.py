"""The moving average, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ioebss.trainer.averaging import AveragedWeights


def test_decay_is_ramped_up_then_held() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = AveragedWeights(model, decay=0.5)
    nn.init.constant_(model.weight, 1.0)
    average.update(model, 1)  # decay (1 + 1) / (10 + 1)
    assert average.tensors["weight"].item() == pytest.approx(1 - 2 / 11)
    nn.init.constant_(model.weight, 3.0)
    average.update(model, 1000)  # decay 0.5
    assert average.tensors["weight"].item() == pytest.approx(0.5 * (1 - 2 / 11) + 0.5 * 3)


def test_integers_are_copied_and_nothing_is_shared_with_the_model() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedWeights(model, decay=0.9)
    model.train()(torch.randn(4, 2) + 5)
    assert average.tensors["num_batches_tracked"].item() == 0
    assert average.tensors["running_mean"].abs().max() == 0
    average.update(model, 1)
    assert average.tensors["num_batches_tracked"].item() == 1
    assert 0 < average.tensors["running_mean"].min() < model.running_mean.min()


def test_load_takes_over_every_value() -> None:
    first, second = (AveragedWeights(nn.Linear(3, 2), 0.9) for _ in range(2))
    second.load(first.tensors)
    assert all(torch.equal(first.tensors[k], second.tensors[k]) for k in first.tensors)
