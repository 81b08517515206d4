"""The weights that a new run begins with: random ones, ImageNet's, another run's, or those of an
exported model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten
from typing import Any

from torch import Tensor

from ioebss.errors import ModelError
from ioebss.trainer import checkpoint
from ioebss.trainer.exported_weights import begin_with_exported
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks import load_imagenet
from ioebss.trainer.options import start_of
from ioebss.trainer.recipe import Recipe


def begin(
    model: ClickModel, recipe: Recipe, start: Path | None, samples: Iterable[Tensor]
) -> dict[str, Any] | None:
    """Fills a freshly initialised model, in place.

    Args:
        model: of the recipe's network.
        recipe: says whether the backbone is ImageNet's, and where to start without a `start`.
        start: folder of a run, or an exported .onnx.
        samples: network inputs (N, C, H, W), to measure statistics of normalisation on where
            it is exported; not read otherwise.

    Returns:
        What is known of the start: which run it was, its recipe, how much it had seen, and what it
        had started from in its turn. None without one.

    Raises:
        ModelError: it cannot be read, or holds another network.
    """
    if recipe.pretrained:
        load_imagenet(model.network, recipe.network)
    if start is None and recipe.start:
        start = start_of(recipe.start)
    if start is None:
        return None
    if start.suffix == ".onnx":
        return begin_with_exported(model, start, samples)
    return _begin_with_run(model, start)


def _begin_with_run(model: ClickModel, run: Path) -> dict[str, Any]:
    tensors, state = checkpoint.load(run, checkpoint.WEIGHTS)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = shorten(str(error).splitlines()[-1], 240)
        raise ModelError(f"{run} holds the weights of another network: {reason}") from None
    keys = ("recipe", "photos_seen", "updates", "start")
    return {"run": run.resolve().name} | {k: state[k] for k in keys if k in state}
