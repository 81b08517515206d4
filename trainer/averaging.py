"""Exponential moving average of weights and normalisation statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
        decay = min(self.decay, (1 + updates) / (10 + updates))
        state = model.state_dict()
        averaged = [name for name, value in state.items() if value.is_floating_point()]
        # Together: a GPU waits longer for hundreds of calls than for the arithmetic.
        mine, theirs = ([of[name] for name in averaged] for of in (self.tensors, state))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(mine, theirs, updates)
        for name in state.keys() - set(averaged):
            self.tensors[name].copy_(state[name])

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes over an average that was saved."""
        for name, value in tensors.items():
            self.tensors[name].copy_(value)
