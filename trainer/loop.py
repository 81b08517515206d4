"""The training loop. Nothing in it depends on when it was started or interrupted: order, samples,
clicks and dropout follow from (seed, epoch, position) alone. On a CPU a resumed run therefore ends
with the very same weights; docs/training.md says what keeps a GPU from it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ioebss.errors import DataError, ModelError, UsageError
from ioebss.progress import Progress
from ioebss.trainer import checkpoint
from ioebss.trainer.autocast import autocast_dtype
from ioebss.trainer.averaging import AveragedWeights
from ioebss.trainer.datasets.scene import SceneDataset
from ioebss.trainer.distributed import World
from ioebss.trainer.exported_weights import begin_with_exported
from ioebss.trainer.failures import in_plain_words
from ioebss.trainer.losses import total_loss
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks import load_imagenet
from ioebss.trainer.recipe import Recipe, recipe_from
from ioebss.trainer.report import Row, write_report
from ioebss.trainer.rounds import RoundState
from ioebss.trainer.samples import ClickSamples
from ioebss.trainer.stages import held_back
from ioebss.trainer.validation import (
    CLICKS,
    PAIRS_IOU,
    score,
    validate,
    validate_pairs,
    validation_targets,
)

MEASURED_SAMPLES = 128  # for the normalisation statistics of an exported model
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


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

    Raises:
        DataError: no photo of `val` has an object.
        ModelError: `start` or the checkpoint cannot be read, or holds another network.
        UsageError: the checkpoint is of another run, or normalisation is frozen from scratch.
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
        self.world, self.progress, self.data = world, progress, data
        self.checkpoint_every, self.workers = checkpoint_every, workers
        self.targets = validation_targets(val, recipe, world)
        if not world.total(torch.tensor(len(self.targets))).item():
            raise DataError(  # no epoch could be told from another
                "no photo to validate on has an object: the masks are empty, or all void; correct "
                "them, or take another --val-split"
            )
        options = recipe.optimisation
        torch.manual_seed(recipe.seed)
        self.model = ClickModel(recipe.network)
        self.start: dict[str, Any] | None = None
        self.epoch = self.iteration = self.updates = 0
        resuming = (folder / "checkpoint.json").exists()
        if options.freeze_normalisation and not (recipe.pretrained or start or resuming):
            raise UsageError(
                "optimisation.freeze_normalisation keeps the statistics of trained weights: name "
                "some with --start, or set pretrained = true"
            )
        if recipe.pretrained and not resuming:
            load_imagenet(self.model.network, recipe.network)
        if start and not resuming:
            self._start_from(start)
        _place(self.model, world.device)
        self.average = AveragedWeights(self.model, options.ema) if options.ema else None
        self.optimizer: torch.optim.Optimizer = _OPTIMIZERS[options.optimizer](
            self.model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.half_precision = autocast_dtype(options.autocast, world.device)
        scaled = self.half_precision == torch.float16
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=scaled)
        self.loss_sum, self.loss_count = 0.0, 0
        self.rows: list[Row] = []
        if resuming:
            self._resume()
        self.parallel: nn.Module = self.model
        if world.size > 1:
            self.parallel = DistributedDataParallel(self.model)

    # -- sizes -------------------------------------------------------------------------------------

    @property
    def photos_per_iteration(self) -> int:
        """Photos of all processes and accumulation steps of one iteration (all rounds on them)."""
        options = self.recipe.optimisation
        return options.batch * options.accumulate * self.world.size

    @property
    def iterations_per_epoch(self) -> int:
        """At least one, also with fewer photos than an iteration takes."""
        photos = self.recipe.data.photos_per_epoch or len(self.train_scenes)
        return max(1, photos // self.photos_per_iteration)

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return self.epoch >= self.recipe.optimisation.epochs

    @property
    def total_updates(self) -> int:
        """Optimizer updates of the whole run."""
        epochs = self.recipe.optimisation.epochs
        return epochs * self.iterations_per_epoch * self.recipe.clicks.rounds

    def learning_rate(self) -> float:
        """The rate of the next update."""
        options = self.recipe.optimisation
        rate = options.learning_rate
        if options.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, self.updates / self.total_updates)))
        return rate * min(1.0, (self.updates + 1) / (options.warmup + 1))

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
        started, photos = time.monotonic(), 0
        saved = started
        total = self.iterations_per_epoch
        batches = self._batches()
        with self.progress.task(f"epoch {self.epoch + 1}", total, self.iteration) as advance:
            while self.iteration < total:
                group = [next(batches) for _ in range(self.recipe.optimisation.accumulate)]
                states = [RoundState.start(batch, self.world.device) for batch in group]
                loss = self._iterate(states)
                self.iteration += 1
                photos += self.photos_per_iteration
                rate = photos / (time.monotonic() - started)
                advance(f"loss {loss:.4f}, {rate:.1f} photos/s")
                if time.monotonic() - saved > self.checkpoint_every and self.iteration < total:
                    self._save()
                    saved = time.monotonic()
        self.photos_per_second = photos / (time.monotonic() - started) if photos else 0.0

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        """This process's batches of the current epoch from the current iteration on."""
        total = self.iterations_per_epoch * self.photos_per_iteration
        samples = ClickSamples(self.train_scenes, self.recipe, self.epoch, total)
        start = self.iteration * self.photos_per_iteration
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

    def _iterate(self, group: list[RoundState]) -> float:
        """All rounds on one group of batches, an optimizer update each. Returns the mean loss."""
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
                unsynced: Any = self.parallel.no_sync if accumulating else nullcontext
                with unsynced():
                    loss, probability = self._backward(state, 1 / len(group))
                losses.append(loss)
                if not last:
                    self._correct(state, probability, number)
            self._update()
        mean = float(torch.stack(losses).mean())  # once: a GPU is waited for
        if not math.isfinite(mean):
            raise ModelError(
                f"the loss is {mean} at epoch {self.epoch + 1}, iteration {self.iteration + 1}: "
                "nothing is learnt any more; start anew in another --out with a lower "
                "optimisation.learning_rate, a longer warmup, or optimisation.autocast = none"
            )
        self.loss_sum += mean
        self.loss_count += 1
        return mean

    def _train_mode(self) -> None:
        self.parallel.train()
        if self.recipe.optimisation.freeze_normalisation:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _untrained_rounds(self, group: list[RoundState]) -> int:
        """In half of the batches, up to `clicks.later` rounds that only click. Returns how many."""
        # Five numbers: no sample and no correction has that stream.
        rng = np.random.default_rng([self.recipe.seed, self.epoch, self.iteration, 0, 1])
        later = self.recipe.clicks.later
        count = int(rng.integers(1, later + 1)) if later and rng.random() < 0.5 else 0
        self.model.eval()
        for number in range(count):
            for state in group:
                with torch.no_grad(), self._autocast():
                    scores = self.model(self._inputs(state))
                self._correct(state, _foreground_probability(scores), number)
        return count

    def _correct(self, state: RoundState, probability: Tensor, number: int) -> None:
        clicks = self.recipe.clicks
        seed = (self.recipe.seed, self.epoch, number)
        kind = self.recipe.network.planes
        state.add_corrections(probability, clicks.radius, seed, clicks.coarse, kind)

    def _inputs(self, state: RoundState) -> Tensor:
        return state.inputs(self.recipe.network.in_channels)

    def _autocast(self) -> torch.autocast:
        dtype = self.half_precision
        return torch.autocast(self.world.device.type, dtype, enabled=dtype is not None)

    def _dropout_seed(self, group_index: int) -> int:
        place = self.updates * self.recipe.optimisation.accumulate + group_index
        return (self.recipe.seed + 1) * 1_000_003 + place * self.world.size + self.world.rank

    def _backward(self, state: RoundState, weight: float) -> tuple[Tensor, Tensor]:
        with self._autocast():
            scores = self.parallel(self._inputs(state))
        loss = total_loss(scores, state.planes, state.mask, state.void, self.recipe.loss)
        self.scaler.scale(loss * weight).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), _foreground_probability(scores.detach())

    def _update(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        for parameter in held_back(self.model, self.recipe, self.epoch):
            parameter.grad = None
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.updates += 1
        if self.average:
            self.average.update(self.model, self.updates)

    # -- the end of an epoch -----------------------------------------------------------------------

    def _validate(self) -> Row:
        """IoU of the weights that would be exported: the averaged ones where there are. `iou_k`
        after k clicks; `pairs_iou` with the recipe's pairs, where it has them."""
        model = self.model
        # Each process has seen other photos, so its normalisation statistics are its own.
        weights = self.average.tensors if self.average else model.state_dict()
        self.world.share(weights.values())
        if self.average:
            model = ClickModel(self.recipe.network)
            model.load_state_dict(weights)
            _place(model, self.world.device)
        ious = validate(model, self.targets, self.recipe, self.world)
        row = {f"iou_{k + 1}": iou for k, iou in enumerate(ious)}
        if self.recipe.clicks.draws_pairs:
            row[PAIRS_IOU] = validate_pairs(model, self.targets, self.recipe, self.world)
        return row

    def _finish_epoch(self, validated: Row) -> None:
        losses = self.world.total(torch.tensor([self.loss_sum, self.loss_count])).tolist()
        row: Row = {
            "epoch": self.epoch + 1,
            "loss": losses[0] / max(losses[1], 1),
            "learning_rate": self.learning_rate(),
            "photos_per_second": self.photos_per_second,
            **validated,
        }
        better = all(score(row) > score(former) for former in self.rows)
        self.rows.append(row)
        self.epoch += 1
        self.iteration, self.loss_sum, self.loss_count = 0, 0.0, 0
        text = ", ".join(f"{validated[f'iou_{k}']:.4f} after {k}" for k in range(1, CLICKS + 1))
        if PAIRS_IOU in validated:
            text += f", {validated[PAIRS_IOU]:.4f} with random pairs"
        self.progress.say(f"epoch {self.epoch}: loss {row['loss']:.4f}, validation IoU {text}")
        if self.world.first:
            if better:
                self._save_weights(row)
            write_report(self.folder, self.rows)
        self._save()  # last: what is killed before it is done again, the log included

    # -- checkpoints -------------------------------------------------------------------------------

    def _save_weights(self, row: Row) -> None:
        tensors = self.average.tensors if self.average else self.model.state_dict()
        state = {
            "recipe": asdict(self.recipe),
            "start": self.start,
            "data": self.data,
            "photos_seen": self.epoch * self.iterations_per_epoch * self.photos_per_iteration,
            "updates": self.updates,
            "validation": row,
        }
        checkpoint.save(self.folder, checkpoint.WEIGHTS, self.updates, tensors, state)

    def _save(self) -> None:
        if self.world.first:
            tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
            if self.average:
                tensors.update({f"average/{k}": v for k, v in self.average.tensors.items()})
            for name, parameter in self.model.named_parameters():
                for key, value in self.optimizer.state.get(parameter, {}).items():
                    tensors[f"optimizer/{name}/{key}"] = value
            state = {
                "recipe": asdict(self.recipe),
                "start": self.start,
                "data": self.data,
                "epoch": self.epoch,
                "iteration": self.iteration,
                "updates": self.updates,
                "processes": self.world.size,
                "loss": [self.loss_sum, self.loss_count],
                "scaler": self.scaler.state_dict(),
                "rows": self.rows,
            }
            checkpoint.save(self.folder, checkpoint.CHECKPOINT, self.updates, tensors, state)

    def _start_from(self, run: Path) -> None:
        if run.suffix == ".onnx":
            self.start = begin_with_exported(self.model, run, self._sample_inputs())
            return
        tensors, state = checkpoint.load(run, checkpoint.WEIGHTS)
        try:
            self.model.load_state_dict(tensors)
        except RuntimeError as error:
            reason = shorten(str(error).splitlines()[-1], 240)
            raise ModelError(f"{run} holds the weights of another network: {reason}") from None
        keys = ("recipe", "photos_seen", "updates", "start")
        self.start = {"run": run.resolve().name} | {k: state[k] for k in keys if k in state}

    def _sample_inputs(self) -> Iterator[Tensor]:
        """Network inputs of the first samples of the run, the same in every process."""
        samples = ClickSamples(self.train_scenes, self.recipe, 0, MEASURED_SAMPLES)
        for batch in DataLoader(samples, batch_size=16):
            state = RoundState.start(batch, torch.device("cpu"))
            yield state.inputs(self.recipe.network.in_channels)

    def _resume(self) -> None:
        tensors, state = checkpoint.load(self.folder, checkpoint.CHECKPOINT)
        try:
            self._check_same_run(state)
            self._restore(tensors, state)
        except UsageError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise ModelError(
                f"the checkpoint in {self.folder} is damaged ({error}); start anew in another --out"
            ) from None
        if self.finished:
            self.progress.say(
                f"{self.folder} has all its epochs ({self.epoch}); --set optimisation.epochs=N "
                "with more goes on"
            )
        else:
            self.progress.say(f"resuming at epoch {self.epoch + 1}, iteration {self.iteration}")

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        self.model.load_state_dict(_part(tensors, "model/"))
        if self.average:
            self.average.load(_part(tensors, "average/"))
        for name, parameter in self.model.named_parameters():
            saved = _part(tensors, f"optimizer/{name}/")
            if saved:
                # Adam keeps its step count on the CPU, and its moments as its parameter lies.
                self.optimizer.state[parameter] = {
                    k: v if k == "step" else torch.empty_like(parameter).copy_(v)
                    for k, v in saved.items()
                }
        self.epoch, self.iteration = state["epoch"], state["iteration"]
        self.updates = state["updates"]
        self.start = state.get("start")
        if self.world.first:  # the sum is the first process's own
            self.loss_sum, self.loss_count = state["loss"]
        self.rows = state["rows"]
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])

    def _check_same_run(self, state: dict[str, Any]) -> None:
        """Only the length of a run may change when it is resumed."""
        before = recipe_from(state["recipe"])
        epochs = self.recipe.optimisation.epochs
        stretched = replace(before, optimisation=replace(before.optimisation, epochs=epochs))
        if stretched != self.recipe:
            raise UsageError(
                f"{self.folder} holds a run of another recipe; take another --out, or the same "
                "recipe and overrides (only optimisation.epochs may differ)"
            )
        if state["data"] != self.data:
            raise UsageError(  # the weights would be said to come of the last data alone
                f"{self.folder} holds a run on {', '.join(state['data'])}; go on with the same "
                "--data and lists, or take another --out and --start with this run"
            )
        if state["processes"] != self.world.size and state["iteration"]:
            raise UsageError(
                f"{self.folder} was interrupted within an epoch of {state['processes']} "
                f"processes; resume it with as many, not {self.world.size}"
            )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _foreground_probability(scores: Tensor) -> Tensor:
    return scores.float().softmax(1)[:, 1]


def _place(model: nn.Module, device: torch.device) -> None:
    # torch's type stubs do not know that a module takes both.
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _start_worker(_: int) -> None:
    # A worker is one process among several: threads of its own would only fight for the cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
