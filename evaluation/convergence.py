"""Convergence with and without Label Loss (table 4 and figure 5 of Wang et al. 2020): the same
network, data and seeds, trained twice by `ioebss-train`'s own loop, validated as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.errors import UsageError
from ioebss.evaluation.convergence_report import Curve, write_convergence
from ioebss.progress import Progress
from ioebss.trainer.datasets import described_data, open_dataset
from ioebss.trainer.datasets.scene import SceneDataset

if TYPE_CHECKING:
    from ioebss.trainer.recipe import Recipe

RECIPE = "convergence"
SEEDS = (0, 1, 2)
WITH, WITHOUT = "with-label-loss", "without-label-loss"


@dataclass(frozen=True)
class Lists:
    """What is learnt from and validated on: folders of photos as for `ioebss-train`, and lists."""

    folders: tuple[Path, ...]
    train: str = "train"
    val: str = "val"


def run_convergence(
    recipe: Recipe,
    lists: Lists,
    out: Path,
    seeds: Sequence[int] = SEEDS,
    progress: Progress | None = None,
    device: str = "auto",
    workers: int = 1,
    checkpoint_every: float = 120.0,
) -> list[Curve]:
    """Trains every seed with and without Label Loss, and writes `convergence.md`, `.csv` and `.png`
    after every training. What was interrupted goes on where it was; what is finished is not
    repeated.

    Args:
        recipe: with Label Loss; its seed is replaced.
        lists: the data.
        out: folder; each training is a run in a folder of its own there, `with-label-loss-SEED` or
            `without-label-loss-SEED`, which `ioebss-train` could go on with.
        seeds: at least one, none twice.
        device: "auto", "cpu" or "cuda".
        workers: processes that make samples.
        checkpoint_every: seconds between checkpoints.

    Raises:
        MissingExtraError: torch is not installed.
        UsageError: no seed, one that comes twice, a recipe without Label Loss, or a folder that
            holds the run of another recipe or is in use.
        DataError: the data cannot be read.
        ModelError: a checkpoint is damaged.
        OutputError: nothing can be written there.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds {list(seeds)}: give at least one, and none twice")
    if not recipe.loss.label:
        raise UsageError(f"the recipe {recipe.name} has no Label Loss to leave out: loss.label = 0")

    progress = progress or Progress(quiet=True)
    folders = list(lists.folders)
    train, val = open_dataset(folders, lists.train), open_dataset(folders, lists.val)
    data = described_data(folders, [(lists.train, train), (lists.val, val)])
    curves: list[Curve] = []
    for seed in seeds:
        for kind in (WITH, WITHOUT):
            progress.say(f"{kind}, seed {seed}")
            run = out / f"{kind}-{seed}"
            mine = _recipe_of(recipe, kind, seed)
            rows = _train(mine, train, val, run, data, progress, device, workers, checkpoint_every)
            curves.append(Curve(kind, seed, rows))
            write_convergence(out, curves)
    return curves


def _recipe_of(recipe: Recipe, kind: str, seed: int) -> Recipe:
    from ioebss.trainer.recipe import without_label_loss

    seeded = replace(recipe, seed=seed)
    return seeded if kind == WITH else without_label_loss(seeded)


def _train(
    recipe: Recipe,
    train: SceneDataset,
    val: SceneDataset,
    run: Path,
    data: list[str],
    progress: Progress,
    device: str,
    workers: int,
    checkpoint_every: float,
) -> list[dict[str, float]]:
    """One training, to its end. Returns the rows of its log, with the iterations so far."""
    from ioebss.trainer.distributed import world
    from ioebss.trainer.loop import Trainer
    from ioebss.trainer.run_folder import locked

    with world(device) as here, locked(run):
        trainer = Trainer(recipe, train, val, run, here, progress, data, checkpoint_every, workers)
        trainer.run()
    step = trainer.schedule.iterations_per_epoch
    return [row | {"iteration": row["epoch"] * step} for row in trainer.rows]
