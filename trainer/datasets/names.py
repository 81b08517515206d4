"""Names that come from a data set's own files: lists of splits, and paths that must stay inside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ioebss.errors import DataError

MAX_LIST_BYTES = 64 * 1024 * 1024


class MissingSplitError(DataError):
    """A data set does not have the split that was asked for.

    Args:
        lack: what is missing, in words.
        known: the splits that exist.
    """

    def __init__(self, lack: str, known: Iterable[str]) -> None:
        listed = ", ".join(sorted(known))
        there = f"splits that exist: {listed}" if listed else "no split exists there"
        super().__init__(f"{lack}; {there}")


def read_list(path: Path) -> list[str]:
    """The names of a split's list: UTF-8, one a line.

    Args:
        path: the list, SPLIT.txt; the lists beside it are the splits that exist.

    Raises:
        MissingSplitError: there is no such list.
        DataError: it is empty, unreadable, or a name leaves the data set's folder.
    """
    if not path.is_file():
        known = [p.stem for p in path.parent.glob("*.txt")]
        raise MissingSplitError(f"{path} is missing", known)
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise DataError(f"{path} is larger than {MAX_LIST_BYTES} bytes; it is no list of names")
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # some editors begin with a BOM
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    names = [name for line in lines if (name := line.strip())]
    if not names:
        raise DataError(f"{path} lists no photo; write one name a line")
    for name in names:
        check_inside(name, path)
    return names


def check_inside(name: str, source: Path) -> str:
    """The name, if as a relative path it cannot leave the folder it is looked up in.

    Args:
        name: a photo's name, perhaps with folders before it.
        source: the file that holds the name, for the message.

    Raises:
        DataError: it is empty or absolute, climbs with "..", or holds a character that some system
            reads as a separator.
    """
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or set(name) & set("\\:\0"):
        raise DataError(
            f"{source} names {name[:200]!r}, which is no path below the folder of photos; "
            "correct it"
        )
    return name
