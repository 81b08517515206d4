"""IOEBSS, measured through its runtime: what a user gets is what is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ioebss.precision import EXACT
from ioebss.segmenter import Segmenter


def open_model(
    model: str | Path | None = None, *, precision: str = EXACT, **options: Any
) -> Segmenter:
    """Any model file on any engine; clicks are the model's planes.

    Args:
        model, precision, options: as `ioebss.Segmenter` takes them, but the precision is by
            default that of the very file named: a measurement names what it measured.

    Raises:
        ModelError, BackendError, UsageError: see `ioebss.Segmenter`.
    """
    return Segmenter(model, precision=precision, **options)
