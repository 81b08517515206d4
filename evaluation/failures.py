"""What of a long measurement failed, kept until the rest is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ioebss.errors import BackendError, IoebssError


class Failures:
    """Reasons why parts of a run have no result.

    Attributes:
        reasons: by part, in the order in which they failed.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    @contextmanager
    def noted(self, part: str) -> Iterator[None]:
        """Notes that a part failed, or had too little memory: what comes after it is measured all
        the same. Errors that nobody raised on purpose go through."""
        try:
            yield
        except (IoebssError, MemoryError) as error:
            self.reasons[part] = str(error) or "out of memory"

    def raise_any(self) -> None:
        """Ends the run if a part failed.

        Raises:
            BackendError: it names every part that failed, with its reason.
        """
        if self.reasons:
            listed = "; ".join(f"{part}: {reason}" for part, reason in self.reasons.items())
            raise BackendError(f"not measured, the rest is: {listed}")
