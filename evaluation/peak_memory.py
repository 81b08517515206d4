"""How much memory a method takes at its peak, in a process of its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.speed import timed_click

CLICKS = 3
STATUS = Path("/proc/self/status")


def peak_memory(candidate: Candidate, photo: NDArray[np.uint8]) -> float | None:
    """Peak resident memory in MiB of a new process that opens the method and clicks on a photo,
    Python and libraries included. None where the system does not tell (it is Linux that does).

    Raises:
        BackendError: the process died, of too little memory perhaps.
        IoebssError: whatever the method raises.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(_click, candidate, photo).result()
        except BrokenProcessPool:
            raise BackendError(
                f"the process that measures the memory of {candidate.name} died; there may be too "
                "little of it"
            ) from None


def _click(candidate: Candidate, photo: NDArray[np.uint8]) -> float | None:
    rng = np.random.default_rng(0)
    session = candidate.open().open(photo)
    for number in range(CLICKS):
        timed_click(session, photo, number, rng)
    return _high_water()


def _high_water() -> float | None:
    """Not `getrusage`: what that tells goes on counting the process that started this one."""
    if not STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in STATUS.read_text("utf-8").splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024
