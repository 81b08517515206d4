"""`-` in place of a file: a photo from standard input, a result to standard output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ioebss.errors import ImageError, OutputError, UsageError

STREAM = Path("-")
_PIECE = 1024 * 1024


def path_of(text: str) -> Path:
    """The path that an argument names: `STREAM` for "-", and for nothing else, as a file of that
    name can be given as "./-"."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != "-" else path


def check_input() -> None:
    """Checks that a photo may come from standard input.

    Raises:
        UsageError: it is closed, or a terminal, where nobody can type a photo.
    """
    if sys.stdin is None:
        raise UsageError("- is a photo from standard input, which is closed; pipe one into it")
    if sys.stdin.isatty():
        raise UsageError(
            "- is a photo from standard input, which is the terminal; pipe one into it: "
            "COMMAND | ioebss-run - ..., or ioebss-run - ... < photo.jpg"
        )


def check_output(binary: bool) -> None:
    """Checks that a result may go to standard output.

    Args:
        binary: whether it is a picture, which terminals do not take.

    Raises:
        UsageError: it is closed, or a picture would go to a terminal.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed; give --output FILE")
    if binary and sys.stdout.isatty():
        raise UsageError(
            "a picture is not written to the terminal; give --output FILE, or pipe it: "
            "ioebss-run ... --output - | COMMAND, or > mask.png"
        )


def read_input(max_bytes: int) -> bytes:
    """All that comes from standard input.

    Raises:
        ImageError: nothing comes, more than `max_bytes`, or it cannot be read.
    """
    pieces, room = [], max_bytes + 1
    try:
        while room and (piece := sys.stdin.buffer.read(min(room, _PIECE))):
            pieces.append(piece)
            room -= len(piece)
    except OSError as error:
        raise ImageError(f"standard input cannot be read: {error.strerror or error}") from None
    if not room:
        raise ImageError(f"more than {max_bytes} bytes come from standard input; no photo has them")
    if not pieces:
        raise ImageError("nothing came from standard input; see why the command before it failed")
    return b"".join(pieces)


def write_output(data: bytes) -> None:
    """Writes to standard output past Python's buffer, which would try again at the exit.

    Raises:
        BrokenPipeError: nobody reads it any more.
        OutputError: it cannot be written.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from None
