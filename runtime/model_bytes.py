"""A model in memory instead of in files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ioebss.errors import UsageError


@dataclass(frozen=True)
class ModelBytes:
    """What an ONNX file and its manifest hold, from wherever they were kept: an archive, a store,
    the program itself. It is checked as files are. There is nothing beside it: it runs itself, on
    ONNX Runtime.

    Args:
        onnx: what `X.onnx` holds, at most 2 GiB.
        manifest: what `X.json` holds, at most 1 MiB.

    Raises:
        UsageError: one is no `bytes`.
    """

    onnx: bytes = field(repr=False)
    manifest: bytes = field(repr=False)
    name: ClassVar[str] = "the model in memory"  # for messages, as of a path

    def __post_init__(self) -> None:
        for name, value in (("onnx", self.onnx), ("manifest", self.manifest)):
            if not isinstance(value, bytes):
                raise UsageError(
                    f"{name} is of type {type(value).__name__}; pass the file's content as bytes"
                )

    def __str__(self) -> str:
        return self.name


Source = Path | ModelBytes  # where a model comes from
