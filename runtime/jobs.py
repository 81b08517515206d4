"""Which photos `ioebss-run` works on, with which clicks, and where the results go."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ioebss.click_files import RawClick, parse_clicks, read_clicks
from ioebss.errors import UsageError
from ioebss.standard_streams import STREAM, check_input, check_output

LABELLED_KINDS = ("labelme", "coco")  # files that people edit with other programs


@dataclass(frozen=True)
class Job:
    """A photo, its clicks as they were given, and the file of its result; either file may be
    `ioebss.standard_streams.STREAM`."""

    photo: Path
    clicks: list[RawClick]
    output: Path


def list_jobs(arguments: argparse.Namespace) -> list[Job]:
    """What `ioebss-run` was told to do, by its arguments.

    Raises:
        UsageError: they do not fit each other, or the photos.
        ClickError: a click is none.
        ModelError: the model is no file.
        OutputError: a result cannot be written where it should be.
    """
    if arguments.label is not None and arguments.format not in LABELLED_KINDS:
        raise UsageError("--label needs --format labelme or coco: other results have no class")
    photos = _photos(arguments.photos)
    if arguments.trimap and (len(photos) > 1 or arguments.start):
        raise UsageError("--trimap describes one photo, without --start; run photos one by one")
    single, by_name = _clicks(arguments.clicks)
    if single and by_name:
        raise UsageError("give either clicks for one photo or a file for several, not both")
    if single and len(photos) > 1:
        raise UsageError(
            f"{len(photos)} photos need clicks of their own: --clicks FILE.json with an object "
            "photo -> clicks"
        )
    if arguments.model:
        from ioebss.manifest import check_model_file

        check_model_file(arguments.model)
    from ioebss.output_paths import result_paths

    chosen = _named(photos, by_name, arguments.photos) if by_name else photos[:1]
    output = arguments.output or (STREAM if STREAM in photos else None)
    if STREAM in (*photos, output):
        _check_streams(photos, chosen, arguments.format, output)
    many = any(_is_folder(path) for path in arguments.photos)
    inputs = _inputs(arguments, chosen)
    outputs = result_paths(chosen, arguments.format, output, inputs, many)
    clicks = [by_name.get(photo.name, single) for photo in chosen]
    return [Job(*job) for job in zip(chosen, clicks, outputs, strict=True)]


def _check_streams(
    photos: Sequence[Path], chosen: Sequence[Path], kind: str, output: Path | None
) -> None:
    """Standard input stands for one photo, standard output for one result, neither has a name."""
    if kind in LABELLED_KINDS:
        raise UsageError(
            "files of labelme and COCO say where their photo is: give files, not -, or "
            "--format json"
        )
    if STREAM in photos:
        check_input()
    if output == STREAM and len(chosen) > 1:
        raise UsageError("--output - is for one photo; give a folder for several")
    if output == STREAM:
        check_output(binary=kind != "json")
    elif output and output.is_dir():
        raise UsageError(
            f"{output} is a folder, and what comes from standard input has no name; "
            "give --output FILE"
        )


def _inputs(arguments: argparse.Namespace, photos: list[Path]) -> list[Path]:
    """Everything that was given, which no result may overwrite."""
    from ioebss.engine_files import engine_manifest_path
    from ioebss.manifest import manifest_path

    clicks = [Path(text) for text in arguments.clicks if text.lower().endswith(".json")]
    others = [path for path in (arguments.start, arguments.trimap, arguments.model) if path]
    if model := arguments.model:
        others += [manifest_path(model), engine_manifest_path(model)]
    return [*(photo for photo in photos if photo != STREAM), *clicks, *others]


def _named(
    photos: list[Path], by_name: dict[str, list[RawClick]], given: Sequence[Path]
) -> list[Path]:
    """The photos that have clicks; all of them must, but for those found in folders."""
    unknown = sorted(by_name.keys() - {photo.name for photo in photos})
    if unknown:
        raise UsageError(f"clicks are given for {unknown[0]}, which is not among the photos")
    for path in given:
        if not _is_folder(path) and path.name not in by_name:
            raise UsageError(f"no clicks are given for {path}")
    chosen = [photo for photo in photos if photo.name in by_name]
    first: dict[str, Path] = {}
    for photo in chosen:
        if first.setdefault(photo.name, photo) != photo:
            raise UsageError(
                f"{first[photo.name]} and {photo} have one name, and clicks are given by names; "
                "run them one by one"
            )
    return chosen


def _is_folder(path: Path) -> bool:
    return path != STREAM and path.is_dir()


def _photos(given: Sequence[Path]) -> list[Path]:
    from ioebss.image_files import SUFFIXES, is_photo_beside_results

    photos: list[Path] = []
    for path in given:
        if not _is_folder(path):
            photos.append(path)
            continue
        found = sorted(p for p in path.iterdir() if is_photo_beside_results(p) and p.is_file())
        if not found:
            raise UsageError(f"{path} holds no photo ({', '.join(SUFFIXES)})")
        photos += found
    if STREAM in photos and len(photos) > 1:
        raise UsageError("- is one photo, from standard input; run it by itself")
    return photos


def _clicks(given: Sequence[str]) -> tuple[list[RawClick], dict[str, list[RawClick]]]:
    single: list[RawClick] = []
    by_name: dict[str, list[RawClick]] = {}
    for text in given:
        if not text.lower().endswith(".json"):
            single += parse_clicks(text)
            continue
        clicks = read_clicks(Path(text))
        if isinstance(clicks, dict):
            by_name.update(clicks)
        else:
            single += clicks
    return single, by_name
