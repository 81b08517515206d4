"""`ioebss-run`: clicks on photos to masks, from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.command import run_command
from ioebss.errors import IoebssError, UsageError
from ioebss.jobs import LABELLED_KINDS, Job, list_jobs
from ioebss.model_options import add_model_options, open_segmenter
from ioebss.standard_streams import STREAM, path_of, read_input, write_output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ioebss.clicks import Click
    from ioebss.coco_files import CocoFile
    from ioebss.segmenter import Segmenter
    from ioebss.session import Session

    Photo = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

KINDS = ("mask", "cutout", "overlay", "json", *LABELLED_KINDS)
DEFAULT_LABEL = "object"
DESCRIPTION = "Click on an object in a photo, get its mask."
EPILOG = """examples:
  ioebss-run photo.jpg --clicks                 # a page to click on
  ioebss-run photo.jpg --clicks 320,240
  ioebss-run photo.jpg --clicks 320,240 --clicks 40,60,0 --format overlay
  ioebss-run photo.jpg --clicks "320,240 40,60,0" --format cutout --output object.png
  ioebss-run photo.jpg --trimap scribbles.png
  ioebss-run folder/ --clicks clicks.json --format json --output results/
  ioebss-run folder/ --clicks clicks.json --format coco --label cat
  COMMAND | ioebss-run - --clicks 320,240 | COMMAND
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
    parser.add_argument(
        "photos",
        nargs="+",
        type=path_of,
        metavar="PHOTO",
        help="photo, folder of photos, or - for a photo from standard input",
    )
    object_ = parser.add_mutually_exclusive_group(required=True)
    object_.add_argument(
        "--clicks",
        action="append",
        nargs="?",
        const=None,
        default=[],
        metavar="X,Y[,LABEL]",
        help="a click, several in quotes, or a .json file; repeatable; "
        "with nothing after it a page opens on which you click",
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
        type=path_of,
        metavar="PATH",
        help="file for one photo, folder for several or a folder's (beside the photo); - for "
        "standard output, where the result of - goes by itself, and messages to standard error",
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
    add_model_options(parser)
    parser.add_argument(
        "--flip", action="store_true", help="average with the mirrored input: twice the time"
    )
    parser.add_argument(
        "--no-zoom", action="store_true", help="always look at the whole photo, as the paper does"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON per photo")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    if None in arguments.clicks:  # --clicks with nothing after it
        _show_page(arguments)
        return
    # The engine takes its time to load: everything that can be wrong before is found before.
    jobs = list_jobs(arguments)
    segmenter = _segmenter(arguments)
    coco = None
    if arguments.format == "coco":
        from ioebss.coco_files import CocoFile

        photos = [job.photo for job in jobs]
        coco = CocoFile(jobs[0].output, photos, arguments.label or DEFAULT_LABEL)
    try:
        _all(segmenter, jobs, arguments, coco)
    finally:  # what is done is not lost with what failed or was interrupted
        if coco is not None and coco.photos:
            coco.write()
            if not arguments.json:
                print(jobs[0].output, flush=True)


def _all(
    segmenter: Segmenter, jobs: list[Job], arguments: argparse.Namespace, coco: CocoFile | None
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
    return open_segmenter(arguments, zoom=not arguments.no_zoom, flip=arguments.flip)


def _show_page(arguments: argparse.Namespace) -> None:
    """The page for one photo, on which clicks are set and results saved."""
    if len(arguments.clicks) > 1:
        raise UsageError("give clicks, or --clicks with nothing after it for the page, not both")
    photo = arguments.photos[0]
    if len(arguments.photos) > 1 or photo == STREAM or photo.is_dir():
        raise UsageError("the page opens one photo, from a file; drop others onto it later")
    if arguments.output or arguments.label or arguments.json or arguments.format != "mask":
        raise UsageError(
            "--output, --format, --label and --json are for clicks that are given; "
            "the page saves results itself"
        )
    from ioebss.image_files import read_mask, read_photo
    from ioebss.serving.extra import check_extra
    from ioebss.serving.open_page import open_page

    check_extra("the page", "; or give the clicks, e.g. --clicks 320,240")
    read_photo(photo)  # what is wrong with it is said before the engine loads
    start = read_mask(arguments.start) if arguments.start else None
    open_page(_segmenter(arguments), photo, start)


def _one(
    segmenter: Segmenter, job: Job, arguments: argparse.Namespace, coco: CocoFile | None
) -> None:
    photo = _photo(job)
    started = time.perf_counter()
    session = segmenter.open(photo)
    mask, clicks = _answer(session, job, arguments)
    milliseconds = 1e3 * (time.perf_counter() - started)
    if coco is not None:
        coco.add(job.photo, mask)
    else:
        _write(job, arguments, photo, mask, clicks)
    if arguments.json:
        line = json.dumps(_described(segmenter, job, arguments.format, mask, clicks, milliseconds))
    else:
        # COCO's one file is named at the end, when it is written.
        what = job.output if coco is None else job.photo
        line = f"{what} ({100 * mask.mean():.1f} % of the photo, {milliseconds:.0f} ms)"
    print(line, file=sys.stderr if job.output == STREAM else sys.stdout, flush=True)


def _photo(job: Job) -> Photo:
    from ioebss.bounded_reader import MAX_BYTES
    from ioebss.image_files import decode_photo, read_photo

    if job.photo == STREAM:
        return decode_photo(read_input(MAX_BYTES), name="standard input")[0]
    return read_photo(job.photo)


def _answer(session: Session, job: Job, arguments: argparse.Namespace) -> tuple[Mask, list[Click]]:
    """The mask, and the clicks that it comes from."""
    from ioebss.image_files import read_mask
    from ioebss.replay import replay
    from ioebss.trimaps import clicks_of_trimap, read_trimap

    if arguments.trimap:
        trimap = read_trimap(arguments.trimap)
        return session.predict_trimap(trimap), clicks_of_trimap(trimap)
    start = read_mask(arguments.start) if arguments.start else None
    clicks = session.validated(job.clicks)
    return replay(session, clicks, start), clicks


def _write(
    job: Job, arguments: argparse.Namespace, photo: Photo, mask: Mask, clicks: list[Click]
) -> None:
    from ioebss.labelme_files import write_labelme
    from ioebss.result_files import encode_result, write_result

    if arguments.format == "labelme":
        write_labelme(job.output, job.photo, mask, arguments.label or DEFAULT_LABEL)
    elif job.output == STREAM:
        write_output(encode_result(arguments.format, photo, mask, clicks, job.photo.name))
    else:
        write_result(job.output, arguments.format, photo, mask, clicks, job.photo.name)


def _described(
    segmenter: Segmenter, job: Job, kind: str, mask: Mask, clicks: list[Click], milliseconds: float
) -> dict[str, object]:
    """What `--json` prints of a photo."""
    from ioebss.clicks import as_table
    from ioebss.rle import box

    height, width = mask.shape
    return {
        "photo": str(job.photo),
        "output": str(job.output),
        "format": kind,
        "width": width,
        "height": height,
        "area": int(mask.sum()),
        "bbox": box(mask),
        "clicks": as_table(clicks),
        "model": segmenter.manifest.name,
        "backend": segmenter.backend,
        "precision": segmenter.precision,
        "file": segmenter.model.name,
        "reasons": segmenter.reasons,
        "milliseconds": round(milliseconds, 1),
    }
