"""From a training run back to the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioebss.errors import ModelError, UsageError
from ioebss.trainer import checkpoint
from ioebss.trainer.model import ClickModel
from ioebss.trainer.recipe import Recipe, recipe_from


@dataclass(frozen=True)
class Trained:
    """A trained model, in evaluation mode on the CPU, with what is known of its training."""

    model: ClickModel
    recipe: Recipe
    training: dict[str, Any]


def load_trained(path: Path) -> Trained:
    """Loads the best weights of a run.

    Args:
        path: a run's folder, or a `weights.json`.

    Raises:
        ModelError: nothing there, damaged, or tensors that do not fit the network.
    """
    tensors, state = checkpoint.load(path, checkpoint.WEIGHTS)
    try:
        recipe = recipe_from(state["recipe"])
        training = {
            "recipe": recipe.name,
            "seed": recipe.seed,
            "start": _ancestry(state.get("start")),
            "data": state["data"],
            "photos_seen": state["photos_seen"],
            "updates": state["updates"],
            "validation": state["validation"],
        }
    except (KeyError, TypeError, AttributeError, UsageError) as error:
        raise ModelError(f"{path} does not describe a training run: {error}") from None
    model = ClickModel(recipe.network)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ModelError(f"the weights of {path} do not fit its network: {first}") from None
    return Trained(model.eval(), recipe, training)


def _ancestry(start: dict[str, Any] | None) -> dict[str, Any] | None:
    """The runs whose weights a run began with, without their recipes; None for none."""
    if not start:
        return None
    # What a model says that was exported before depends on how it was made.
    keys = ("run", "sha256", "photos_seen", "updates", "averaged")
    known = {key: start[key] for key in keys if key in start}
    return known | {"start": _ancestry(start.get("start"))}
