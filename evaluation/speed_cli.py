"""`ioebss-speed`: how long clicks take, and what accuracy that time buys."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.atomic import write_atomically
from ioebss.command import run_command
from ioebss.errors import MissingExtraError, OutputError, UsageError
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.speed import ClickTimes, Times, measure_clicks
from ioebss.evaluation.trade_off import matching, plot_trade_off, read_accuracy
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.precision import EXACT
from ioebss.progress import Progress
from ioebss.provenance import provenance
from ioebss.segmenter import BUNDLED, Segmenter

DESCRIPTION = (
    "Time clicks: models, input sizes and photo sizes take turns in one run. Times the first click "
    "(opening the photo included) and later ones, their stages apart."
)
SAMPLE = BUNDLED.parent.parent / "samples" / "astronaut.jpg"


def main() -> None:
    """Entry point."""
    run_command(_parser(), _speed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-speed", description=DESCRIPTION)
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        metavar="ONNX",
        help="model file, repeatable (the bundled one)",
    )
    parser.add_argument(
        "--size", type=int, action="append", help="longer side of the input, repeatable"
    )
    parser.add_argument(
        "--megapixels",
        type=float,
        action="append",
        metavar="MP",
        help="size of the photo, repeatable (0.25)",
    )
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="scaled to it (a sample)")
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument("--backend", default="auto", help="engine (%(default)s)")
    parser.add_argument("--repeats", type=int, default=20, help="photos opened (%(default)s)")
    parser.add_argument(
        "--beside",
        type=_named_graphs,
        action="append",
        default=[],
        metavar="NAME=A.onnx[+B.onnx]",
        help="another system's graphs, run one after the other for a click; repeatable",
    )
    parser.add_argument(
        "--accuracy",
        type=Path,
        action="append",
        default=[],
        metavar="RESULT.json",
        help="result of ioebss-bench for a model and size; repeatable; --out draws accuracy over "
        "time",
    )
    parser.add_argument("--out", type=Path, metavar="RESULT.json", help="write the times")
    return parser


def _named_graphs(text: str) -> tuple[str, list[Path]]:
    name, equals, paths = text.partition("=")
    if not equals or not name or not paths:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=GRAPH.onnx")
    return name, [Path(path) for path in paths.split("+")]


def _speed(arguments: argparse.Namespace) -> None:
    _check(arguments)
    accuracy = [read_accuracy(path) for path in arguments.accuracy]
    candidates = _candidates(arguments)
    for one in accuracy:
        matching(one, [_identity(segmenter) for segmenter in candidates.values()])
    photos = _photos(arguments)
    foreign = {n: ForeignGraphs(paths, arguments.threads) for n, paths in arguments.beside}
    clicks, graphs = measure_clicks(candidates, photos, foreign, arguments.repeats, Progress())
    setup = provenance(shlex.join(["ioebss-speed", *sys.argv[1:]]))
    threads = arguments.threads or "as the engine chooses"
    print(f"{setup['device']}, threads: {threads}; milliseconds, medians\n")
    print(_table(clicks, graphs))
    if arguments.out:
        rows = [_row(candidates[c], c, p, times) for (c, p), times in clicks.items()]
        others: dict[str, Any] = {
            n: t.as_json() | {"inputs": foreign[n].shapes} for n, t in graphs.items()
        }
        result = {"format": 1, **setup, "threads": arguments.threads, "clicks": rows}
        text = json.dumps(result | {"graphs": others}, indent=1) + "\n"
        write_atomically(arguments.out, lambda path: path.write_text(text, "utf-8"))
        if accuracy:
            plot = arguments.out.with_name(f"{arguments.out.stem}-trade-off.png")
            plot_trade_off(plot, rows, others, accuracy)


def _check(arguments: argparse.Namespace) -> None:
    """Refuses at once what would otherwise fail after the measuring."""
    if arguments.repeats < 1:
        raise UsageError(f"--repeats {arguments.repeats}: it must be 1 or more")
    for megapixels in arguments.megapixels or []:
        if not 1e-4 <= megapixels <= MAX_PIXELS / 1e6:
            raise UsageError(f"--megapixels {megapixels}: from 0.0001 to {MAX_PIXELS / 1e6:g}")
    names = [name for name, _ in arguments.beside]
    if len(set(names)) < len(names):
        raise UsageError("--beside: give each system a name of its own")
    out: Path | None = arguments.out
    if out and out.suffix != ".json":
        raise UsageError(f"--out {out}: the result is a JSON file; name it .json")
    if out and (not os.access(out.parent, os.W_OK | os.X_OK) or out.is_dir()):
        raise OutputError(f"{out} cannot be written: its folder is missing or not writable")
    if arguments.accuracy and not out:
        raise UsageError("--accuracy is drawn beside --out RESULT.json; give that too")
    if arguments.accuracy and importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('--accuracy draws with matplotlib; pip install "ioebss[bench]"')


def _candidates(arguments: argparse.Namespace) -> dict[str, Segmenter]:
    result: dict[str, Segmenter] = {}
    for model in arguments.model or [BUNDLED]:
        for size in arguments.size or [None]:
            segmenter = Segmenter(
                model,
                backend=arguments.backend,
                precision=EXACT,
                threads=arguments.threads,
                size=size,
            )
            name = f"{model.stem} {segmenter.manifest.precision} {segmenter.size}"
            if name in result:
                raise UsageError(f"{name} is given twice; models need file names of their own")
            result[name] = segmenter
    return result


def _photos(arguments: argparse.Namespace) -> dict[str, NDArray[np.uint8]]:
    photo = read_photo(arguments.photo)
    height, width = photo.shape[:2]
    result = {}
    for megapixels in arguments.megapixels or [0.25]:
        scale = math.sqrt(megapixels * 1e6 / (height * width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR)
        result[f"{megapixels:g} MP"] = np.asarray(scaled, np.uint8)
    return result


def _table(clicks: dict[tuple[str, str], ClickTimes], graphs: dict[str, Times]) -> str:
    lines = [
        f"{'':32} {'first':>7} {'later':>7} {'input':>7} {'network':>7} {'mask':>7}"
        + "".join(f" {'/' + name:>12}" for name in graphs)
    ]
    for (candidate, photo), times in clicks.items():
        stages = " ".join(f"{t.median:7.1f}" for t in times.stages.values())
        ratios = "".join(f" {times.later.median / t.median:12.2f}" for t in graphs.values())
        name = f"{candidate}, {photo}"
        lines.append(
            f"{name:32} {times.first.median:7.1f} {times.later.median:7.1f} {stages}{ratios}"
        )
    lines += [f"{name:32} {'':7} {times.median:7.1f}" for name, times in graphs.items()]
    n = len(next(iter(clicks.values())).later.values)
    return "\n".join([*lines, "", f"n = {n} later clicks each; ratios are of later clicks"])


def _row(segmenter: Segmenter, name: str, photo: str, times: ClickTimes) -> dict[str, Any]:
    return {
        "candidate": name,
        **_identity(segmenter),
        "photo": photo,
        "first": times.first.as_json(),
        "later": times.later.as_json(),
        **{stage: t.as_json() for stage, t in times.stages.items()},
    }


def _identity(segmenter: Segmenter) -> dict[str, Any]:
    return {"sha256": segmenter.manifest.sha256, "size": segmenter.size}
