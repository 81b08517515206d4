"""Checkpoints: safetensors for numbers, JSON for the rest, and never half of either.

A run's folder holds

    checkpoint.json               what to resume from: names the tensor file; renaming it commits
    checkpoint-STEP.safetensors   weights, averaged weights, optimizer state
    weights.json, weights-STEP.safetensors
                                  the averaged weights of the best validation so far: what export
                                      reads
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ioebss.atomic import TEMPORARY, write_atomically, write_text_atomically
from ioebss.errors import ModelError, OutputError
from ioebss.json_files import read_json_object

FORMAT = 1
MAX_JSON_BYTES = 16 * 1024 * 1024
CHECKPOINT, WEIGHTS = "checkpoint", "weights"


def save(
    folder: Path, kind: str, step: int, tensors: dict[str, Tensor], state: dict[str, Any]
) -> None:
    """Writes `kind`-STEP.safetensors, then commits it by renaming `kind`.json into place, then
    deletes what is no longer named. Killed at any moment, the folder holds a whole checkpoint or
    the one before.

    Raises:
        OutputError: they cannot be written; the one before stays.
    """
    name = f"{kind}-{step:08d}.safetensors"
    contiguous = {k: v.detach().contiguous() for k, v in tensors.items()}
    try:
        write_atomically(folder / name, lambda path: save_file(contiguous, path))
    except SafetensorError as error:  # no OSError, though it be a full disk
        raise OutputError(f"{folder / name} cannot be written: {error}") from None
    text = json.dumps({"format": FORMAT, "step": step, "file": name, **state}, indent=1)
    write_text_atomically(folder / f"{kind}.json", text + "\n")
    abandoned = folder.glob(f"{TEMPORARY}{kind}-*")  # by a process that was killed
    for old in (*folder.glob(f"{kind}-*.safetensors"), *abandoned):
        if old.name != name:
            old.unlink()


def load(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state of a checkpoint.

    Args:
        path: a run's folder, or the JSON file itself.
        kind: `CHECKPOINT` or `WEIGHTS`.

    Raises:
        ModelError: nothing there, damaged, or written by a newer version.
    """
    tensors, state = find(path, kind)
    try:
        return load_file(tensors), state
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{tensors} cannot be read: {error}") from None


def find(path: Path, kind: str) -> tuple[Path, dict[str, Any]]:
    """File of tensors, unread, and state of a checkpoint; see `load`."""
    path = path / f"{kind}.json" if path.is_dir() else path
    if not path.is_file():
        raise ModelError(f"{path} does not exist: no {kind} of a run of ioebss-train to read")
    state = read_json_object(path, MAX_JSON_BYTES, ModelError, "a checkpoint")
    if state.get("format") != FORMAT:
        raise ModelError(
            f"{path} has format {state.get('format')!r}, this version reads {FORMAT}; "
            "update ioebss, or train again"
        )
    name = state.get("file")
    if not isinstance(name, str) or Path(name).name != name:
        raise ModelError(f"{path} names no tensor file beside it; it is damaged")
    return path.parent / name, state
