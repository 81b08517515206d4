"""How long a run is and how fast it learns, counted from its recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ioebss.trainer.recipe import Recipe


@dataclass(frozen=True)
class Schedule:
    """Sizes of a run and its learning rate.

    Attributes:
        recipe: what it follows.
        photos: that one pass of the training data has.
        processes: that share the work.
    """

    recipe: Recipe
    photos: int
    processes: int

    @property
    def photos_per_iteration(self) -> int:
        """Photos of all processes and accumulation steps of one iteration (all rounds on them)."""
        options = self.recipe.optimisation
        return options.batch * options.accumulate * self.processes

    @property
    def iterations_per_epoch(self) -> int:
        """At least one, also with fewer photos than an iteration takes."""
        photos = self.recipe.data.photos_per_epoch or self.photos
        return max(1, photos // self.photos_per_iteration)

    @property
    def photos_per_epoch(self) -> int:
        """That the iterations of an epoch take."""
        return self.iterations_per_epoch * self.photos_per_iteration

    @property
    def total_updates(self) -> int:
        """Optimizer updates of the whole run."""
        epochs = self.recipe.optimisation.epochs
        return epochs * self.iterations_per_epoch * self.recipe.clicks.rounds

    def learning_rate(self, updates: int) -> float:
        """The rate of the update that follows so many."""
        options = self.recipe.optimisation
        rate = options.learning_rate
        if options.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, updates / self.total_updates)))
        return rate * min(1.0, (updates + 1) / (options.warmup + 1))
