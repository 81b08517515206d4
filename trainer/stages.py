"""Staged training of FCN-8s (Long et al. 2015, section 4.3; so was DIOS trained): first without
skips, then with that of stride 16, then with that of stride 8 too."""

from __future__ import annotations

from torch import nn

from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks.fcn8s import FCN8s
from ioebss.trainer.recipe import Recipe


def stage_of(recipe: Recipe, epoch: int) -> int:
    """Which network an epoch trains: 0 FCN-32s, 1 FCN-16s, 2 FCN-8s; a third of the epochs each,
    the last one the rest."""
    if not recipe.optimisation.staged:
        return 2
    return min(2, 3 * epoch // recipe.optimisation.epochs)


def held_back(model: ClickModel, recipe: Recipe, epoch: int) -> list[nn.Parameter]:
    """The parameters that an epoch leaves as they are. Skips start silent and enlarge bilinearly,
    so that an FCN-8s whose skips are held back is the coarser network.

    They keep their gradients, which several processes must agree on, but are not to be updated.
    """
    if not isinstance(model.network, FCN8s):
        return []
    later = model.network.skips()[stage_of(recipe, epoch) :]
    return [p for skip in later for module in skip for p in module.parameters()]
