"""What a run says that it learns from, whichever version of IOEBSS began it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ioebss.trainer import checkpoint
from ioebss.trainer.datasets import described_data
from ioebss.trainer.datasets.scene import ListedDataset


def data_of_run(
    run: Path, roots: Sequence[Path], lists: Sequence[tuple[str, ListedDataset]]
) -> list[str]:
    """The data of a run, see `described_data`. One that was begun by a version that took no digests
    of the names goes on without, if its data are the same in all else.

    Args:
        run: its folder, which may hold a checkpoint to go on from.

    Raises:
        ModelError: the checkpoint there cannot be read.
    """
    if (run / f"{checkpoint.CHECKPOINT}.json").exists():
        _, state = checkpoint.find(run, checkpoint.CHECKPOINT)
        undigested = described_data(roots, lists, digests=False)
        if state.get("data") == undigested:
            return undigested
    return described_data(roots, lists)
