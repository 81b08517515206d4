"""A mark in JSON files that others write too, so that what a person made is never overwritten."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.errors import OutputError
from ioebss.json_files import read_json

KEY = "ioebss"
MAX_FILE_BYTES = 1024 * 1024 * 1024


def write_marked(path: Path, document: dict[str, Any]) -> None:
    """Writes an object as JSON with a mark under the key "ioebss": a hash of everything else.

    Programs that edit the file keep the mark and change the rest, so that the two no longer fit.

    Raises:
        OutputError: the file cannot be written, or see `check_replaceable`.
    """
    check_replaceable(path)
    text = json.dumps({**document, KEY: {"sha256": _digest(document)}}, ensure_ascii=False) + "\n"
    # File names need not be text: what UTF-8 lacks is escaped, as JSON has it.
    data = text.encode("utf-8", "backslashreplace")
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def check_replaceable(path: Path) -> None:
    """Passes if there is no such file, or one that `write_marked` wrote and nobody changed.

    Raises:
        OutputError: anything else lies there.
    """
    if not path.exists():
        return
    try:
        document = read_json(path, MAX_FILE_BYTES, OutputError, "a file of annotations")
    except OutputError:
        document = None
    if isinstance(document, dict):
        mark = document.pop(KEY, None)
        if isinstance(mark, dict) and mark.get("sha256") == _digest(document):
            return
    raise OutputError(
        f"{path} is there already and is not, or no longer, what ioebss-run wrote; it stays as it "
        "is: move it away, or choose another --output"
    )


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
