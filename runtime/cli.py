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
from ioebss.errors import IoebssError, UsageError
from ioebss.precision import AUTO, CHOICES, INT8

if TYPE_CHECKING:
    from ioebss.coco_files import CocoFile
    from ioebss.segmenter import Segmenter

RESULTS = (".mask.png", ".cutout.png", ".overlay.png")  # not photos when a folder is given
KINDS = ("mask", "cutout", "overlay", "json", "labelme", "coco")
LABELLED_KINDS = ("labelme", "coco")
DEFAULT_LABEL = "object"
DESCRIPTION = "Click on an object in a photo, get its mask."
EPILOG = """examples:
  ioebss-run photo.jpg --clicks                 # a page to click on
  ioebss-run photo.jpg --clicks 320,240
  ioebss-run photo.jpg --clicks 320,240 --clicks 40,60,0 --format overlay
  ioebss-run photo.jpg --clicks "320,240 40,60,0" --format cutout --output object.png
  ioebss-run folder/ --clicks clicks.json --format json --output results/
  ioebss-run folder/ --clicks clicks.json --format coco --label cat
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
    parser.add_argument(
        "--clicks",
        action="append",
        required=True,
        nargs="?",
        const=None,
        metavar="X,Y[,LABEL]",
        help="a click, several in quotes, or a .json file; repeatable; "
        "with nothing after it a page opens on which you click",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="PATH",
        help="file for one photo, folder for several (beside the photo)",
    )
    parser.add_argument(
        "--format",
        choices=KINDS,
        default="mask",
        help="of the result; labelme: PHOTO.json for labelme; coco: one coco.json for all (mask)",
    )
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="class of the object in labelme's and COCO's files (object)",
    )
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
    if None in arguments.clicks:  # --clicks with nothing after it
        _show_page(arguments)
        return
    # The engine takes its time to load: everything that can be wrong before is found before.
    jobs = _jobs(arguments)
    from ioebss.coco_files import CocoFile

    segmenter = _segmenter(arguments)
    coco = None
    if arguments.format == "coco":
        photos = [job.photo for job in jobs]
        coco = CocoFile(jobs[0].output, photos, arguments.label or DEFAULT_LABEL)
    try:
        _all(segmenter, jobs, arguments, coco)
    finally:  # what is done is not lost with what failed or was interrupted
        if coco is not None and coco.photos:
            coco.write()


def _all(
    segmenter: Segmenter, jobs: list[_Job], arguments: argparse.Namespace, coco: CocoFile | None
) -> None:
    if len(jobs) == 1:
        _one(segmenter, jobs[0], arguments, coco)
        return
    failed = 0
    for job in jobs:
        try:
            _one(segmenter, job, arguments, coco)
        except IoebssError as error:
            failed += 1
            print(f"ioebss-run: error: {job.photo}: {error}", file=sys.stderr)
    if failed:
        raise IoebssError(f"{failed} of {len(jobs)} photos failed; the others are written")


def _segmenter(arguments: argparse.Namespace) -> Segmenter:
    from ioebss.segmenter import Segmenter

    return Segmenter(
        arguments.model,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        size=arguments.size,
        zoom=not arguments.no_zoom,
        flip=arguments.flip,
    )


def _show_page(arguments: argparse.Namespace) -> None:
    """The page for one photo, on which clicks are set and results saved."""
    if len(arguments.clicks) > 1:
        raise UsageError("give clicks, or --clicks with nothing after it for the page, not both")
    if len(arguments.photos) > 1 or Path(arguments.photos[0]).is_dir():
        raise UsageError("the page opens one photo; drop others onto it later")
    if arguments.output or arguments.label or arguments.json or arguments.format != "mask":
        raise UsageError(
            "--output, --format, --label and --json are for clicks that are given; "
            "the page saves results itself"
        )
    from ioebss.image_files import read_mask, read_photo
    from ioebss.serving.open_page import check_extra, open_page

    check_extra()
    photo = Path(arguments.photos[0])
    read_photo(photo)  # what is wrong with it is said before the engine loads
    start = read_mask(arguments.start) if arguments.start else None
    open_page(_segmenter(arguments), photo, start)


def _one(
    segmenter: Segmenter, job: _Job, arguments: argparse.Namespace, coco: CocoFile | None
) -> None:
    from ioebss.image_files import read_mask, read_photo
    from ioebss.labelme_files import write_labelme
    from ioebss.replay import replay
    from ioebss.result_files import write_result

    photo = read_photo(job.photo)
    started = time.perf_counter()
    session = segmenter.open(photo)
    start = read_mask(arguments.start) if arguments.start else None
    clicks = session.validated(job.clicks)
    mask = replay(session, clicks, start)
    milliseconds = 1e3 * (time.perf_counter() - started)
    if coco is not None:
        coco.add(job.photo, mask)
    elif arguments.format == "labelme":
        write_labelme(job.output, job.photo, mask, arguments.label or DEFAULT_LABEL)
    else:
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


def _jobs(arguments: argparse.Namespace) -> list[_Job]:
    if arguments.label is not None and arguments.format not in LABELLED_KINDS:
        raise UsageError("--label needs --format labelme or coco: other results have no class")
    photos = _photos(arguments.photos)
    single, by_name = _clicks(arguments.clicks)
    if single and by_name:
        raise UsageError("give either clicks for one photo or a file for several, not both")
    if single and len(photos) > 1:
        raise UsageError(
            f"{len(photos)} photos need clicks of their own: --clicks FILE.json with an object "
            "photo -> clicks"
        )
    from ioebss.output_paths import result_paths

    chosen = _named(photos, by_name, arguments.photos) if by_name else photos[:1]
    outputs = result_paths(chosen, arguments.format, arguments.output, _inputs(arguments, chosen))
    clicks = [by_name.get(photo.name, single) for photo in chosen]
    return [_Job(*job) for job in zip(chosen, clicks, outputs, strict=True)]


def _inputs(arguments: argparse.Namespace, photos: list[Path]) -> list[Path]:
    """Everything that was given, which no result may overwrite."""
    clicks = [Path(text) for text in arguments.clicks if text.lower().endswith(".json")]
    model = [arguments.model, arguments.model.with_suffix(".json")] if arguments.model else []
    start = [arguments.start] if arguments.start else []
    return [*photos, *clicks, *model, *start]


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
