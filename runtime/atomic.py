"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from ioebss.errors import OutputError


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once: it can only be read by setting it, which other threads would feel.
_UMASK = _umask()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it into place.

    Args:
        path: the final file; its folder must exist.
        write: is given the temporary path and writes it.

    Raises:
        OutputError: the file cannot be written. Whatever `write` raises otherwise goes through.
            Either way nothing is left behind, and a file that was there stays as it was.
    """
    try:
        # The suffix is kept: some writers choose the format by it. Of the rest only a part is: this
        # name must not be too long where the final one is not.
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:16]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
