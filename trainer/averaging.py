"""Exponential moving average of weights and normalisation statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AveragedWeights:
    """A running average of every floating-point tensor of a model's state.

    The decay is ramped up over the first updates, min(decay, (1 + n) / (10 + n)), so that the
    average forgets the random start.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, updates: int) -> None:
        """Moves the average towards the model after its `updates`-th update."""
        weight = 1 - min(self.decay, (1 + updates) / (10 + updates))
        for name, value in model.state_dict().items():
            mine = self.tensors[name]
            if value.is_floating_point():
                mine.lerp_(value, weight)
            else:
                mine.copy_(value)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes over an average that was saved."""
        for name, value in tensors.items():
            self.tensors[name].copy_(value)
