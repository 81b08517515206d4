"""The training loop. Nothing in it depends on when it was started or interrupted: order, samples,
clicks and dropout follow from (seed, epoch, position) alone. On a CPU a resumed run therefore ends
with the very same weights; docs/training.md says what keeps a GPU from it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ioebss.errors import DataError
from ioebss.progress import Progress
from ioebss.trainer import checkpoint
from ioebss.trainer.datasets.scene import SceneDataset
from ioebss.trainer.distributed import World
from ioebss.trainer.failures import in_plain_words
from ioebss.trainer.iteration import Iteration
from ioebss.trainer.learner import Learner
from ioebss.trainer.model import ClickModel
from ioebss.trainer.recipe import Recipe
from ioebss.trainer.report import Row, write_report
from ioebss.trainer.rounds import RoundState
from ioebss.trainer.samples import ClickSamples
from ioebss.trainer.schedule import Schedule
from ioebss.trainer.start import begin
from ioebss.trainer.validation import (
    CLICKS,
    PAIRS_IOU,
    score,
    validate,
    validate_pairs,
    validation_targets,
)

MEASURED_SAMPLES = 128  # for the normalisation statistics of an exported model


class Trainer:
    """One training run in one folder.

    Args:
        recipe: what to do.
        train, val: scenes to learn from and to validate on.
        folder: where checkpoints and the log go; resumed if it holds a checkpoint.
        world: this process among all.
        data: what it learns from, in words (`ioebss.trainer.datasets.described_data`); recorded
            with the weights, and the same when resuming.
        checkpoint_every: seconds between checkpoints within an epoch.
        workers: processes that make samples; 0 makes them in this one.
        start: folder of a run, or an exported .onnx, whose weights this one begins with; does not
            matter when resuming.

    Attributes:
        learner: the model and how far it is.
        schedule: how long the run is.

    Raises:
        DataError: no photo of `val` has an object.
        ModelError: `start` or the checkpoint cannot be read, or holds another network.
        UsageError: the checkpoint is of another run.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: SceneDataset,
        val: SceneDataset,
        folder: Path,
        world: World,
        progress: Progress,
        data: list[str],
        checkpoint_every: float = 120.0,
        workers: int = 1,
        start: Path | None = None,
    ) -> None:
        self.recipe, self.train_scenes, self.folder = recipe, train, folder
        self.world, self.progress = world, progress
        self.checkpoint_every, self.workers = checkpoint_every, workers
        self.schedule = Schedule(recipe, len(train), world.size)
        # Before the photos to validate on are read: a recipe that the network cannot follow is
        # refused here.
        self.learner = self._learner(start, data)
        self._iteration = Iteration(self.learner, self.schedule, world)
        self.targets = validation_targets(val, recipe, world)
        if not world.total(torch.tensor(len(self.targets))).item():
            raise DataError(  # no epoch could be told from another
                "no photo to validate on has an object: the masks are empty, or all void; correct "
                "them, or take another --val-split"
            )

    def _learner(self, start: Path | None, data: list[str]) -> Learner:
        """A new one, or the one of the folder's checkpoint."""
        resuming = (self.folder / f"{checkpoint.CHECKPOINT}.json").exists()
        torch.manual_seed(self.recipe.seed)
        model = ClickModel(self.recipe.network)
        origin = None if resuming else begin(model, self.recipe, start, self._sample_inputs())
        _place(model, self.world.device)
        learner = Learner(self.recipe, model, origin, data, self.world)
        if not resuming:
            return learner
        learner.resume(self.folder)
        if learner.finished:
            self.progress.say(
                f"{self.folder} has all its epochs ({learner.epoch}); --set optimisation.epochs=N "
                "with more goes on"
            )
        else:
            self.progress.say(
                f"resuming at epoch {learner.epoch + 1}, iteration {learner.iteration}"
            )
        return learner

    def _sample_inputs(self) -> Iterator[Tensor]:
        """Network inputs of the first samples of the run, the same in every process."""
        samples = ClickSamples(self.train_scenes, self.recipe, 0, MEASURED_SAMPLES)
        for batch in DataLoader(samples, batch_size=16):
            state = RoundState.start(batch, torch.device("cpu"))
            yield state.inputs(self.recipe.network.in_channels)

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return self.learner.finished

    @property
    def rows(self) -> list[Row]:
        """The log: a row for each epoch that is done."""
        return self.learner.rows

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Trains until the recipe's last epoch.

        Raises:
            ModelError: the loss is no longer finite.
            DataError, ImageError: a photo cannot be read.
            DeviceMemoryError: the GPU has too little memory.
        """
        with in_plain_words():
            while not self.finished:
                self._run_epoch()
                self._finish_epoch(self._validate())
            self.world.wait()  # until the first process has written everything

    def _run_epoch(self) -> None:
        learner, total = self.learner, self.schedule.iterations_per_epoch
        started = saved = time.monotonic()
        photos = 0
        batches = self._batches()
        name = f"epoch {learner.epoch + 1}"
        with self.progress.task(name, total, learner.iteration) as advance:
            while learner.iteration < total:
                group = [next(batches) for _ in range(self.recipe.optimisation.accumulate)]
                loss = self._iteration.run([RoundState.start(b, self.world.device) for b in group])
                learner.iteration += 1
                photos += self.schedule.photos_per_iteration
                now = time.monotonic()
                advance(f"loss {loss:.4f}, {photos / (now - started):.1f} photos/s")
                if now - saved > self.checkpoint_every and learner.iteration < total:
                    learner.save(self.folder)
                    saved = time.monotonic()
        self.photos_per_second = photos / (time.monotonic() - started) if photos else 0.0

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """This process's batches of the current epoch from the current iteration on."""
        total = self.schedule.photos_per_epoch
        samples = ClickSamples(self.train_scenes, self.recipe, self.learner.epoch, total)
        start = self.learner.iteration * self.schedule.photos_per_iteration
        mine = list(range(start + self.world.rank, total, self.world.size))
        loader: DataLoader[Any] = DataLoader(
            samples,
            batch_size=self.recipe.optimisation.batch,
            sampler=mine,
            num_workers=self.workers,
            worker_init_fn=_start_worker,
            prefetch_factor=4 if self.workers else None,
            pin_memory=self.world.device.type == "cuda",
            # Forked, the workers share the cache of decoded photos.
            multiprocessing_context="fork" if self.workers else None,
        )
        return iter(loader)

    # -- the end of an epoch -----------------------------------------------------------------------

    def _validate(self) -> Row:
        """IoU of the weights that would be exported: the averaged ones where there are. `iou_k`
        after k clicks; `pairs_iou` with the recipe's pairs, where it has them."""
        model = self.learner.model
        # Each process has seen other photos, so its normalisation statistics are its own.
        weights = self.learner.weights
        self.world.share(weights.values())
        if self.learner.average:
            model = ClickModel(self.recipe.network)
            model.load_state_dict(weights)
            _place(model, self.world.device)
        ious = validate(model, self.targets, self.recipe, self.world)
        row = {f"iou_{k + 1}": iou for k, iou in enumerate(ious)}
        if self.recipe.clicks.draws_pairs:
            row[PAIRS_IOU] = validate_pairs(model, self.targets, self.recipe, self.world)
        return row

    def _finish_epoch(self, validated: Row) -> None:
        learner = self.learner
        losses = self.world.total(torch.tensor([learner.loss_sum, learner.loss_count])).tolist()
        row: Row = {
            "epoch": learner.epoch + 1,
            "loss": losses[0] / max(losses[1], 1),
            "learning_rate": self.schedule.learning_rate(learner.updates),
            "photos_per_second": self.photos_per_second,
            **validated,
        }
        better = all(score(row) > score(former) for former in learner.rows)
        learner.end_epoch(row)
        text = ", ".join(f"{validated[f'iou_{k}']:.4f} after {k}" for k in range(1, CLICKS + 1))
        if PAIRS_IOU in validated:
            text += f", {validated[PAIRS_IOU]:.4f} with random pairs"
        self.progress.say(f"epoch {learner.epoch}: loss {row['loss']:.4f}, validation IoU {text}")
        if self.world.first:
            if better:
                learner.save_weights(self.folder, learner.epoch * self.schedule.photos_per_epoch)
            write_report(self.folder, learner.rows)
        learner.save(self.folder)  # last: what is killed before it is done again, the log included


def _place(model: nn.Module, device: torch.device) -> None:
    # torch's type stubs do not know that a module takes both.
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _start_worker(_: int) -> None:
    # A worker is one process among several: threads of its own would only fight for the cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
