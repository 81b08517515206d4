"""A run's folder belongs to one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ioebss.errors import OutputError, UsageError


@contextmanager
def locked(folder: Path, command: str = "ioebss-train") -> Iterator[None]:
    """Makes the folder and holds it. The lock ends with the process, however that ends.

    Args:
        command: what holds it, for the message to another.

    Raises:
        UsageError: another one is at work in it.
        OutputError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another {command} is at work in {folder}; wait for it, or take another --out"
            ) from None
        yield
