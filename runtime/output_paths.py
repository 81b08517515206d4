"""Where `ioebss-run` writes, and what it must never write over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ioebss.atomic import make_folder
from ioebss.coco_files import common_folder
from ioebss.errors import UsageError
from ioebss.jobs import LABELLED_KINDS
from ioebss.origin_mark import check_replaceable
from ioebss.result_names import default_path
from ioebss.standard_streams import STREAM

JSON_KINDS = ("json", *LABELLED_KINDS)


def result_paths(
    photos: Sequence[Path], kind: str, given: Path | None, inputs: Sequence[Path], many: bool
) -> list[Path]:
    """The file of each photo's result; everything that can be wrong with them is found here.

    A file is beside its photo, in the folder that was given, which is made if there may be many, or
    for one photo the file that was given, or `STREAM`. COCO's is one file for all photos: in the
    folder that holds them all, in the folder that was given, or the file that was given.

    Args:
        photos: one or more.
        kind: what `--format` takes.
        given: by `--output`, or None.
        inputs: files that must not be overwritten.
        many: whether there may be many photos, because a folder was named, even if there is one.

    Raises:
        UsageError: a file of another type was given, or results would land on each other or on an
            input.
        OutputError: the folder cannot be made, or somebody else's file lies in the way of one that
            people edit with other programs (`ioebss.origin_mark`).
    """
    if given == STREAM:
        return [STREAM]
    if kind == "coco":
        files = [_file(common_folder(photos) / photos[0].name, kind, given, several=False)]
    else:
        is_file = given is not None and given.suffix.lower() == _suffix(kind)
        several = len(photos) > 1 or (many and not is_file)
        files = [_file(photo, kind, given, several) for photo in photos]
    _check_apart(files, inputs)
    if kind in LABELLED_KINDS:
        for file in files:
            check_replaceable(file)
    if given and files[0].parent == given:
        make_folder(given)
    return files * len(photos) if kind == "coco" else files


def _file(photo: Path, kind: str, given: Path | None, several: bool) -> Path:
    default = default_path(photo, kind)
    if given is None:
        return default
    if several or given.is_dir():
        return given / default.name
    if given.suffix.lower() != _suffix(kind):
        raise UsageError(
            f"{given}: a {kind} is written as {_suffix(kind)}; if this is a folder, make it first"
        )
    return given


def _suffix(kind: str) -> str:
    return ".json" if kind in JSON_KINDS else ".png"


def _check_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    seen: set[Path] = set()
    for output in outputs:
        path = output.resolve()
        if path in taken:
            raise UsageError(f"{output} would overwrite what was given; choose another --output")
        if path in seen:
            raise UsageError(
                f"two results would be {output}; run the photos one by one, each with --output FILE"
            )
        seen.add(path)
