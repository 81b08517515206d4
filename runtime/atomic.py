"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ioebss.errors import OutputError


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


TEMPORARY = ".ioebss-"  # how names of files begin that a process left behind when it was killed
# Read once: it can only be read by setting it, which other threads would feel.
_UMASK = _umask()


def check_parent(path: Path) -> None:
    """Checks that there is a folder for a file or folder, before the work for it is done.

    Raises:
        OutputError: there is none.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent} is not a folder; make it first")


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where they are not there yet.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made a folder: {error.strerror}") from None


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it into place.

    Args:
        path: the final file; its folder must exist.
        write: is given the temporary path and writes it.

    Raises:
        OutputError: the file cannot be written. Whatever `write` raises otherwise goes through.
            Either way nothing is left behind, and a file that was there stays as it was.
    """
    write_together([(path, write)])


def write_text_atomically(path: Path, text: str) -> None:
    """As `write_atomically`, for a text in UTF-8."""
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))


def write_together(files: Iterable[tuple[Path, Callable[[Path], object]]]) -> None:
    """As `write_atomically`, for several files: none is renamed into place before all are filled.
    They are renamed in the order given.

    Raises:
        OutputError: see `write_atomically`.
    """
    filled: list[tuple[Path, Path]] = []
    try:
        for path, write in files:
            with _failures_of(path):
                temporary = _empty_beside(path)
                filled.append((temporary, path))
                write(temporary)
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                temporary.chmod(0o666 & ~_UMASK)
        for temporary, path in filled:
            with _failures_of(path):
                temporary.replace(path)
    finally:
        for temporary, _ in filled:
            temporary.unlink(missing_ok=True)


@contextmanager
def _failures_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _empty_beside(path: Path) -> Path:
    # The suffix is kept: some writers choose the format by it. Of the rest only a part is: this
    # name must not be too long where the final one is not.
    prefix = f"{TEMPORARY}{path.stem[:16]}-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    return Path(name)
