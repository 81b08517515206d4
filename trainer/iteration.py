"""One iteration: the rounds of clicks on a group of batches, an optimizer update after each."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ioebss.errors import ModelError
from ioebss.trainer.distributed import World
from ioebss.trainer.frozen import freeze
from ioebss.trainer.learner import Learner
from ioebss.trainer.losses import total_loss
from ioebss.trainer.rounds import RoundState
from ioebss.trainer.schedule import Schedule
from ioebss.trainer.stages import held_back


class Iteration:
    """Trains a learner on one group of batches at a time.

    Args:
        learner: changed in place; its `iteration` is left to the caller.
        schedule: gives the learning rate of each update.
        world: this process among all.

    Raises:
        UsageError: the recipe freezes blocks that the network does not have.
    """

    def __init__(self, learner: Learner, schedule: Schedule, world: World) -> None:
        self.learner, self.schedule, self.world = learner, schedule, world
        self.recipe = learner.recipe
        self._frozen = freeze(learner.model, self.recipe.optimisation.frozen_blocks)
        self._parallel: nn.Module = learner.model
        if world.size > 1:
            self._parallel = DistributedDataParallel(learner.model)

    def run(self, group: list[RoundState]) -> float:
        """All rounds on a group of `accumulate` batches. Returns the mean loss.

        Raises:
            ModelError: it is no longer finite.
        """
        clicks = self.recipe.clicks
        untrained = self._untrained_rounds(group)
        self._train_mode()
        losses = []
        for number in range(untrained, untrained + clicks.rounds):
            last = number == untrained + clicks.rounds - 1
            for group_index, state in enumerate(group):
                torch.manual_seed(self._dropout_seed(group_index))
                accumulating = group_index < len(group) - 1 and self.world.size > 1
                # Gradients go to the other processes once, with the last of the group.
                unsynced: Any = self._parallel.no_sync if accumulating else nullcontext
                with unsynced():
                    loss, probability = self._backward(state, 1 / len(group))
                losses.append(loss)
                if not last:
                    self._correct(state, probability, number)
            self._update()
        mean = float(torch.stack(losses).mean())  # once: a GPU is waited for
        self._check_finite(mean)
        self.learner.loss_sum += mean
        self.learner.loss_count += 1
        return mean

    def _train_mode(self) -> None:
        self._parallel.train()
        for layer in self._frozen:
            layer.eval()

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            place = f"epoch {self.learner.epoch + 1}, iteration {self.learner.iteration + 1}"
            raise ModelError(
                f"the loss is {loss} at {place}: "
                "nothing is learnt any more; start anew in another --out with a lower "
                "optimisation.learning_rate, a longer warmup, or optimisation.autocast = none"
            )

    def _untrained_rounds(self, group: list[RoundState]) -> int:
        """In half of the batches, up to `clicks.later` rounds that only click. Returns how many."""
        # Five numbers: no sample and no correction has that stream.
        rng = np.random.default_rng(
            [self.recipe.seed, self.learner.epoch, self.learner.iteration, 0, 1]
        )
        later = self.recipe.clicks.later
        count = int(rng.integers(1, later + 1)) if later and rng.random() < 0.5 else 0
        self.learner.model.eval()
        for number in range(count):
            for state in group:
                with torch.no_grad(), self._autocast():
                    scores = self.learner.model(self._inputs(state))
                self._correct(state, _foreground_probability(scores), number)
        return count

    def _correct(self, state: RoundState, probability: Tensor, number: int) -> None:
        clicks = self.recipe.clicks
        seed = (self.recipe.seed, self.learner.epoch, number)
        kind = self.recipe.network.planes
        state.add_corrections(probability, clicks.radius, seed, clicks.coarse, kind)

    def _inputs(self, state: RoundState) -> Tensor:
        return state.inputs(self.recipe.network.in_channels)

    def _autocast(self) -> torch.autocast:
        dtype = self.learner.half_precision
        return torch.autocast(self.world.device.type, dtype, enabled=dtype is not None)

    def _dropout_seed(self, group_index: int) -> int:
        place = self.learner.updates * self.recipe.optimisation.accumulate + group_index
        return (self.recipe.seed + 1) * 1_000_003 + place * self.world.size + self.world.rank

    def _backward(self, state: RoundState, weight: float) -> tuple[Tensor, Tensor]:
        with self._autocast():
            scores = self._parallel(self._inputs(state))
        loss = total_loss(scores, state.planes, state.mask, state.void, self.recipe.loss)
        self.learner.scaler.scale(loss * weight).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), _foreground_probability(scores.detach())

    def _update(self) -> None:
        learner = self.learner
        for group in learner.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(learner.updates)
        for parameter in held_back(learner.model, self.recipe, learner.epoch):
            parameter.grad = None
        learner.scaler.step(learner.optimizer)
        learner.scaler.update()
        learner.optimizer.zero_grad(set_to_none=True)
        learner.updates += 1
        if learner.average:
            learner.average.update(learner.model, learner.updates)


def _foreground_probability(scores: Tensor) -> Tensor:
    return scores.float().softmax(1)[:, 1]
