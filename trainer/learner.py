"""What a run has learnt, and how it is saved and taken up again."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ioebss.errors import ModelError, UsageError
from ioebss.trainer import checkpoint
from ioebss.trainer.autocast import autocast_dtype
from ioebss.trainer.averaging import AveragedWeights
from ioebss.trainer.distributed import World
from ioebss.trainer.model import ClickModel
from ioebss.trainer.recipe import Recipe, recipe_from
from ioebss.trainer.report import Row

_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Learner:
    """The model, its optimizer, and how far they are: all that a checkpoint holds.

    Args:
        recipe: what is followed.
        model: on its device, with the weights that the run begins with.
        start: where those come from (`ioebss.trainer.start.begin`).
        data: what is learnt from, in words.
        world: this process among all.

    Attributes:
        average: the averaged weights; None where the recipe wants none.
        half_precision: what autocast computes in; None for float32.
        epoch, iteration: that come next; `iteration` counts within the epoch.
        updates: of the optimizer so far.
        loss_sum, loss_count: of this process's iterations in the current epoch.
        rows: the log, one for each epoch that is done.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: ClickModel,
        start: dict[str, Any] | None,
        data: list[str],
        world: World,
    ) -> None:
        options = recipe.optimisation
        self.recipe, self.model, self.start, self.data = recipe, model, start, data
        self.average = AveragedWeights(model, options.ema) if options.ema else None
        self.optimizer: torch.optim.Optimizer = _OPTIMIZERS[options.optimizer](
            model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.half_precision = autocast_dtype(options.autocast, world.device)
        scaled = self.half_precision == torch.float16
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=scaled)
        self.epoch = self.iteration = self.updates = 0
        self.loss_sum, self.loss_count = 0.0, 0
        self.rows: list[Row] = []
        self._world = world

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return self.epoch >= self.recipe.optimisation.epochs

    @property
    def weights(self) -> dict[str, Tensor]:
        """What is validated and exported: the averaged weights where there are."""
        return self.average.tensors if self.average else self.model.state_dict()

    def end_epoch(self, row: Row) -> None:
        """Takes an epoch's row into the log and goes on to the next."""
        self.rows.append(row)
        self.epoch += 1
        self.iteration, self.loss_sum, self.loss_count = 0, 0.0, 0

    def save_weights(self, folder: Path, photos_seen: int) -> None:
        """Writes what `ioebss-export` reads, with the last row of the log."""
        state = {
            **self._origin(),
            "photos_seen": photos_seen,
            "updates": self.updates,
            "validation": self.rows[-1],
        }
        checkpoint.save(folder, checkpoint.WEIGHTS, self.updates, self.weights, state)

    def save(self, folder: Path) -> None:
        """Writes all that is needed to go on; only the first process does."""
        if not self._world.first:
            return
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        if self.average:
            tensors.update({f"average/{k}": v for k, v in self.average.tensors.items()})
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{name}/{key}"] = value
        state = {
            **self._origin(),
            "epoch": self.epoch,
            "iteration": self.iteration,
            "updates": self.updates,
            "processes": self._world.size,
            "loss": [self.loss_sum, self.loss_count],
            "scaler": self.scaler.state_dict(),
            "rows": self.rows,
        }
        checkpoint.save(folder, checkpoint.CHECKPOINT, self.updates, tensors, state)

    def resume(self, folder: Path) -> None:
        """Goes on from the checkpoint in a folder.

        Raises:
            ModelError: it cannot be read, or is damaged.
            UsageError: it is of another recipe, other data, or another number of processes.
        """
        tensors, state = checkpoint.load(folder, checkpoint.CHECKPOINT)
        try:
            self._check_same_run(state, folder)
            self._restore(tensors, state)
        except UsageError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise ModelError(
                f"the checkpoint in {folder} is damaged ({error}); start anew in another --out"
            ) from None

    def _origin(self) -> dict[str, Any]:
        return {"recipe": asdict(self.recipe), "start": self.start, "data": self.data}

    def _check_same_run(self, state: dict[str, Any], folder: Path) -> None:
        """Only the length of a run may change when it is resumed."""
        before = recipe_from(state["recipe"])
        epochs = self.recipe.optimisation.epochs
        stretched = replace(before, optimisation=replace(before.optimisation, epochs=epochs))
        if stretched != self.recipe:
            raise UsageError(
                f"{folder} holds a run of another recipe; take another --out, or the same "
                "recipe and overrides (only optimisation.epochs may differ)"
            )
        if state["data"] != self.data:
            raise UsageError(  # the weights would be said to come of the last data alone
                f"{folder} holds a run on {', '.join(state['data'])}; go on with the same "
                "--data and lists, or take another --out and --start with this run"
            )
        if state["processes"] != self._world.size and state["iteration"]:
            raise UsageError(
                f"{folder} was interrupted within an epoch of {state['processes']} "
                f"processes; resume it with as many, not {self._world.size}"
            )

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
        if self._world.first:  # the sum is the first process's own
            self.loss_sum, self.loss_count = state["loss"]
        self.rows = state["rows"]
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
