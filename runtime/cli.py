"""`ioebss-run`: clicks on photos to masks, from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.click_files import RawClick, parse_clicks, read_clicks
from ioebss.command import run_command
from ioebss.errors import IoebssError, OutputError, UsageError
from ioebss.precision import AUTO, CHOICES, INT8

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ioebss.clicks import Click
    from ioebss.segmenter import Segmenter
    from ioebss.session import Session

RESULTS = (".mask.png", ".cutout.png", ".overlay.png")  # not photos when a folder is given
KINDS = ("mask", "cutout", "overlay", "json")
DESCRIPTION = "Click on an object in a photo, get its mask."
EPILOG = """examples:
  ioebss-run photo.jpg --clicks 320,240
  ioebss-run photo.jpg --clicks 320,240 --clicks 40,60,0 --format overlay
  ioebss-run photo.jpg --clicks "320,240 40,60,0" --format cutout --output object.png
  ioebss-run photo.jpg --trimap scribbles.png
  ioebss-run folder/ --clicks clicks.json --format json --output results/
clicks.json holds a list of clicks, {"x": 320, "y": 240, "label": 1} or
{"type": "point", "data": [320, 240], "label": 1}, or for several photos an object
{"photo.jpg": [...], ...}. Label 1 is on the object, 0 off it."""


def main() -> None:
    """Entry point."""
    run_command(_parser(), _run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ioebss-run",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="photo, or folder of photos")
    object_ = parser.add_mutually_exclusive_group(required=True)
    object_.add_argument(
        "--clicks",
        action="append",
        default=[],
        metavar="X,Y[,LABEL]",
        help="a click, several in quotes, or a .json file; repeatable",
    )
    object_.add_argument(
        "--trimap",
        type=Path,
        metavar="GREY",
        help="a trimap or scribbles of the photo's size instead of clicks: a grey picture, 255 on "
        "the object, 0 off it, anything else unknown",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="PATH",
        help="file for one photo, folder for several (beside the photo)",
    )
    parser.add_argument("--format", choices=KINDS, default="mask", help="of the result (mask)")
    parser.add_argument(
        "--start", type=Path, metavar="MASK", help="start from this mask and correct it"
    )
    parser.add_argument(
        "--model", type=Path, help="ONNX file or engine, its manifest beside it (bundled)"
    )
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--precision",
        choices=CHOICES,
        default=AUTO,
        help="auto: what is fast here of the files beside the model, 8 bits on CPUs with VNNI; "
        "exact: the very file that is named (auto)",
    )
    precision.add_argument(
        "--int8",
        action="store_const",
        const=INT8,
        dest="precision",
        help="short for --precision int8",
    )
    parser.add_argument(
        "--backend", default="auto", help="inference engine, or auto for the first that works"
    )
    parser.add_argument("--size", type=int, help="longer side of the network's input in pixels")
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument(
        "--flip", action="store_true", help="average with the mirrored input: twice the time"
    )
    parser.add_argument(
        "--no-zoom", action="store_true", help="always look at the whole photo, as the paper does"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON per photo")
    return parser


@dataclass(frozen=True)
class _Job:
    photo: Path
    clicks: list[RawClick]
    output: Path


def _run(arguments: argparse.Namespace) -> None:
    # The engine takes its time to load: everything that can be wrong before is found before.
    jobs = _jobs(arguments)
    from ioebss.segmenter import Segmenter

    segmenter = Segmenter(
        arguments.model,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        size=arguments.size,
        zoom=not arguments.no_zoom,
        flip=arguments.flip,
    )
    if len(jobs) == 1:
        _one(segmenter, jobs[0], arguments)
        return
    failed = 0
    for job in jobs:
        try:
            _one(segmenter, job, arguments)
        except IoebssError as error:
            failed += 1
            print(f"ioebss-run: error: {job.photo}: {error}", file=sys.stderr)
    if failed:
        raise IoebssError(f"{failed} of {len(jobs)} photos failed; the others are written")


def _one(segmenter: Segmenter, job: _Job, arguments: argparse.Namespace) -> None:
    from ioebss.image_files import read_mask, read_photo
    from ioebss.result_files import write_result
    from ioebss.trimaps import clicks_of_trimap, read_trimap

    photo = read_photo(job.photo)
    started = time.perf_counter()
    session = segmenter.open(photo)
    if arguments.trimap:
        trimap = read_trimap(arguments.trimap)
        mask, clicks = session.predict_trimap(trimap), clicks_of_trimap(trimap)
    else:
        start = read_mask(arguments.start) if arguments.start else None
        clicks = session.validated(job.clicks)
        mask = _mask(session, clicks, start)
    milliseconds = 1e3 * (time.perf_counter() - started)
    write_result(job.output, arguments.format, photo, mask, clicks, job.photo.name)
    area = int(mask.sum())
    if arguments.json:
        from ioebss.rle import box

        line = {
            "photo": str(job.photo),
            "output": str(job.output),
            "format": arguments.format,
            "width": session.width,
            "height": session.height,
            "area": area,
            "bbox": box(mask),
            "clicks": [{"x": c.x, "y": c.y, "label": c.label} for c in clicks],
            "model": segmenter.manifest.name,
            "backend": segmenter.backend,
            "precision": segmenter.precision,
            "file": segmenter.model.name,
            "reasons": segmenter.reasons,
            "milliseconds": round(milliseconds, 1),
        }
        print(json.dumps(line), flush=True)
    else:
        share = 100 * area / mask.size
        print(f"{job.output} ({share:.1f} % of the photo, {milliseconds:.0f} ms)", flush=True)


def _mask(
    session: Session, clicks: list[Click], start: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Click by click, as a person would and as models are measured; all at once where the first is
    a background click, which needs a foreground one beside it."""
    if start is None and (not clicks or clicks[0].label == 0):
        return session.predict(clicks)
    session.reset(start)
    mask = session.mask if start is None else start
    for click in clicks:
        mask = session.click(click.x, click.y, click.label)
    return mask


def _jobs(arguments: argparse.Namespace) -> list[_Job]:
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
    if not by_name:
        jobs = [_Job(photos[0], single, _output(arguments, photos[0], several=False))]
    else:
        chosen = _named(photos, by_name, arguments.photos)
        several = len(chosen) > 1
        jobs = [_Job(p, by_name[p.name], _output(arguments, p, several)) for p in chosen]
    _check_outputs(jobs, arguments)
    if len(jobs) > 1 and arguments.output:
        _make_folder(arguments.output)
    return jobs


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made a folder: {error.strerror}") from None


def _named(
    photos: list[Path], by_name: dict[str, list[RawClick]], given: Sequence[str]
) -> list[Path]:
    """The photos that have clicks; all of them must, but for those found in folders."""
    unknown = sorted(by_name.keys() - {photo.name for photo in photos})
    if unknown:
        raise UsageError(f"clicks are given for {unknown[0]}, which is not among the photos")
    for text in given:
        if not Path(text).is_dir() and Path(text).name not in by_name:
            raise UsageError(f"no clicks are given for {text}")
    return [photo for photo in photos if photo.name in by_name]


def _check_outputs(jobs: list[_Job], arguments: argparse.Namespace) -> None:
    """Refuses results that would land on each other or on anything that was given."""
    clicks = [Path(text) for text in arguments.clicks if text.lower().endswith(".json")]
    model = [arguments.model, arguments.model.with_suffix(".json")] if arguments.model else []
    masks = [path for path in (arguments.start, arguments.trimap) if path]
    inputs = {p.resolve() for p in (*(job.photo for job in jobs), *clicks, *model, *masks)}
    outputs = set()
    for job in jobs:
        output = job.output.resolve()
        if output in inputs:
            raise UsageError(
                f"{job.output} would overwrite what was given; choose another --output"
            )
        if output in outputs:
            raise UsageError(f"two results would be {job.output}; run the photos one by one")
        outputs.add(output)


def _photos(given: Sequence[str]) -> list[Path]:
    from ioebss.image_files import SUFFIXES

    photos: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            photos.append(path)
            continue
        found = sorted(p for p in path.iterdir() if _is_photo(p, SUFFIXES))
        if not found:
            raise UsageError(f"{path} holds no photo ({', '.join(SUFFIXES)})")
        photos += found
    return photos


def _is_photo(path: Path, suffixes: tuple[str, ...]) -> bool:
    name = path.name.lower()
    return path.is_file() and name.endswith(suffixes) and not name.endswith(RESULTS)


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


def _output(arguments: argparse.Namespace, photo: Path, several: bool) -> Path:
    from ioebss.result_files import default_path

    output: Path | None = arguments.output
    default = default_path(photo, arguments.format)
    if output is None:
        return default
    if several or output.is_dir():
        return output / default.name
    expected = ".json" if arguments.format == "json" else ".png"
    if output.suffix.lower() != expected:
        raise UsageError(f"{output}: a {arguments.format} is written as {expected}")
    return output
