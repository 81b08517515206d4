"""What ends a training for reasons of the machine or the data, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ioebss.errors import DataError, DeviceMemoryError, IoebssError, first_line

WORKERS = "Caught "  # how PyTorch begins to tell what was raised in a process that makes samples


@contextmanager
def in_plain_words() -> Iterator[None]:
    """In it, errors that PyTorch words for programmers are raised as our own.

    Raises:
        DeviceMemoryError: a GPU has too little memory.
        DataError: a process that makes samples was killed. What one of them raised itself comes
            through as it was, where PyTorch makes its whole traceback the message.
    """
    try:
        yield
    except IoebssError as error:
        if not str(error).startswith(WORKERS):
            raise
        name = f"{type(error).__module__}.{type(error).__qualname__}: "
        raise type(error)(str(error).rpartition(name)[2].strip()) from error
    except torch.OutOfMemoryError as error:
        raise DeviceMemoryError(
            f"the GPU has too little memory ({first_line(error)}); set a smaller "
            "optimisation.batch (and a larger optimisation.accumulate) or data.size, or end other "
            "work on it"
        ) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise DataError(
            f"a process that makes samples was killed ({first_line(error)}): mostly memory is "
            "short; take fewer --workers, a smaller --cache-gb, or give a container more shared "
            "memory (--shm-size)"
        ) from error
