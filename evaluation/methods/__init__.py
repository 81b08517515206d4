"""What is measured: IOEBSS and the methods that the paper compares it with, one file each."""

from __future__ import annotations

from ioebss.errors import UsageError
from ioebss.evaluation.protocol import Method

METHODS: tuple[str, ...] = ()


def make_method(name: str) -> Method:
    """The method of this name."""
    raise UsageError(f"there is no method {name!r}")
