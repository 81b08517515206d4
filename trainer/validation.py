"""Validation during training: mean IoU after one, two and three clicks at the centre of the error;
and with the random pairs of clicks that a recipe trains on, where it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ioebss import simulation
from ioebss.click_planes import add_click, click_planes
from ioebss.clicks import Click
from ioebss.overlap import iou
from ioebss.simulation import random_pairs
from ioebss.trainer.datasets.scene import VOID, SceneDataset
from ioebss.trainer.datasets.transforms import Target, fit
from ioebss.trainer.distributed import World
from ioebss.trainer.model import foreground_logits
from ioebss.trainer.recipe import Recipe

CLICKS = 3
BATCH = 16
PAIRS_IOU = "pairs_iou"  # in a log's row, beside iou_1, ..., iou_CLICKS


def validation_targets(scenes: SceneDataset, recipe: Recipe, world: World) -> list[Target]:
    """This process's share of the validation samples: evenly spread photos, the largest object of
    each, the whole photo stretched to the training size. One that vanishes at that size is left
    out: where nothing is to be found, finding nothing would be a perfect mask."""
    count = min(recipe.data.validation_photos, len(scenes))
    chosen = np.linspace(0, len(scenes) - 1, count).astype(int)[world.rank :: world.size]
    targets = []
    for index in chosen:
        scene = scenes.scene(int(index))
        largest = scene.largest()
        if largest is not None:
            whole = Target(scene.image, scene.labels == largest, scene.labels == VOID)
            target = fit(whole, recipe.data.size)
            if target.mask.any():
                targets.append(target)
    return targets


def score(row: Mapping[str, float]) -> float:
    """What an epoch's weights are judged by, 0..1: IoU with the clicks that the recipe trains on.
    A network that always saw 15 pairs gets ever worse at a few clicks while it learns.

    Args:
        row: of the log, with `iou_k` and, where the recipe draws random pairs, `PAIRS_IOU`.
    """
    return row.get(PAIRS_IOU, row[f"iou_{CLICKS}"])


@torch.inference_mode()
def validate(model: nn.Module, targets: list[Target], recipe: Recipe, world: World) -> list[float]:
    """Mean IoU after 1, ..., `CLICKS` clicks over the targets of all processes; void excluded."""
    model.eval()
    sums = torch.zeros(CLICKS + 1, dtype=torch.float64)
    for start in range(0, len(targets), BATCH):
        sums[:CLICKS] += _click_through(model, targets[start : start + BATCH], recipe, world)
    sums[CLICKS] = len(targets)
    sums = world.total(sums).cpu()
    return [float(s / sums[CLICKS].clamp(min=1)) for s in sums[:CLICKS]]


@torch.inference_mode()
def validate_pairs(model: nn.Module, targets: list[Target], recipe: Recipe, world: World) -> float:
    """Mean IoU over the targets of all processes when all of the recipe's random pairs of clicks
    (`clicks.pairs`, the paper's simulation) are set at once, the same ones each time; void
    excluded."""
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    for start in range(0, len(targets), BATCH):
        batch = targets[start : start + BATCH]
        inputs = _blank_inputs(batch, recipe)
        for i, target in enumerate(batch):
            rng = np.random.default_rng([recipe.seed, start + i])
            clicks = random_pairs(target.mask, ~target.void, recipe.clicks.pairs, rng)
            inputs[i, 3:5] = _planes(clicks, recipe)
        masks = (foreground_logits(model(inputs.to(world.device)))[:, 0] > 0).cpu().numpy()
        sums[0] += sum(iou(m, t.mask, ~t.void) for m, t in zip(masks, batch, strict=True))
    sums[1] = len(targets)
    total, count = world.total(sums).tolist()
    return float(total / max(count, 1))


def _blank_inputs(targets: list[Target], recipe: Recipe) -> Tensor:
    """The network's input without a click: float32 (N, C, S, S)."""
    size = recipe.data.size
    inputs = torch.zeros(len(targets), recipe.network.in_channels, size, size)
    inputs[:, 3:5] = _planes((), recipe)
    for i, target in enumerate(targets):
        inputs[i, :3] = torch.from_numpy(np.ascontiguousarray(target.image)).permute(2, 0, 1)
    return inputs


def _planes(clicks: Sequence[Click], recipe: Recipe) -> Tensor:
    size = recipe.data.size
    planes = click_planes(recipe.network.planes, clicks, size, size, recipe.clicks.radius)
    return torch.from_numpy(planes)


def _click_through(model: nn.Module, targets: list[Target], recipe: Recipe, world: World) -> Tensor:
    size = recipe.data.size
    inputs = _blank_inputs(targets, recipe)
    masks = np.zeros((len(targets), size, size), bool)
    clicks: list[list[Click]] = [[] for _ in targets]
    sums = torch.zeros(CLICKS, dtype=torch.float64)
    for k in range(CLICKS):
        for i, target in enumerate(targets):
            click = simulation.centre_click(masks[i], target.mask, ~target.void, clicks[i])
            if click:
                clicks[i].append(click)
                planes = inputs[i, 3:5].numpy()
                add_click(recipe.network.planes, planes, click, recipe.clicks.radius)
        logits = foreground_logits(model(inputs.to(world.device))).float().cpu()[:, 0]
        masks = (logits > 0).numpy()
        if recipe.network.in_channels == 6:
            inputs[:, 5] = logits.sigmoid()
        sums[k] = sum(iou(m, t.mask, ~t.void) for m, t in zip(masks, targets, strict=True))
    return sums
