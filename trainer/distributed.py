"""Several processes through torchrun; everything is a no-op in a single one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from ioebss.errors import UsageError


@dataclass(frozen=True)
class World:
    """This process among all: `rank` of `size`, on `device`."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes."""
        if self.size > 1:
            values = values.to(self.device)
            distributed.all_reduce(values)
        return values

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Gives every process the first one's values, in place."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def world(device: str = "auto") -> Iterator[World]:
    """The world that torchrun set up, or a single process.

    Args:
        device: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        UsageError: CUDA was asked for and is not there.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise UsageError("no CUDA device is usable by torch here; take --device cpu")
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = torch.device("cpu")
    with ExitStack() as leaving:
        if cuda and device != "cpu":
            chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(chosen)
            leaving.enter_context(fastest_algorithms())  # all batches have one shape
        if size > 1:
            distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
            leaving.callback(distributed.destroy_process_group)
        yield World(rank, size, chosen)


@contextmanager
def fastest_algorithms() -> Iterator[None]:
    """In it, cuDNN times all that it has for each new shape, and keeps to the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
