"""`ioebss-bench`: measures a model with simulated clicks on photos whose objects are known."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ioebss.command import run_command
from ioebss.engine_files import SUFFIX
from ioebss.errors import MissingExtraError, OutputError, UsageError
from ioebss.evaluation.case_grid import choose_cases, draw_cases
from ioebss.evaluation.instances import Instance, evenly_spread, list_instances
from ioebss.evaluation.plots import plot_iou_over_clicks
from ioebss.evaluation.protocol import Measurement, measure
from ioebss.evaluation.record import record
from ioebss.evaluation.result_files import read_instances, write_result
from ioebss.evaluation.summary import summarise
from ioebss.evaluation.tables import format_summary
from ioebss.precision import EXACT
from ioebss.progress import Progress
from ioebss.provenance import provenance
from ioebss.robot import MAX_CLICKS
from ioebss.segmenter import BUNDLED, Segmenter
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import MIN_AREA, SceneDataset

DESCRIPTION = (
    "Measure a model: on each object, click in the middle of the larger error until the clicks are "
    "used up; report mean IoU, clicks to a target IoU (NoC) and speed."
)


def main() -> None:
    """Entry point."""
    run_command(_parser(), _bench)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-bench", description=DESCRIPTION)
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder of photos and masks, as for ioebss-train; repeatable",
    )
    parser.add_argument("--split", default="test_voc", help="list to measure on (%(default)s)")
    parser.add_argument("--model", type=Path, metavar="ONNX", help="model file (the bundled one)")
    parser.add_argument("--backend", default="auto", help="engine (%(default)s)")
    parser.add_argument("--size", type=int, help="longer side of the network's input in pixels")
    parser.add_argument("--threads", type=int, help="CPU threads of the network")
    parser.add_argument(
        "--flip", action="store_true", help="average with the mirrored input: twice the time"
    )
    parser.add_argument(
        "--no-zoom", action="store_true", help="always look at the whole photo, as the paper does"
    )
    parser.add_argument("--clicks", type=int, default=MAX_CLICKS, help="per object (%(default)s)")
    parser.add_argument(
        "--min-area",
        type=int,
        default=MIN_AREA,
        metavar="PIXELS",
        help="leave smaller objects out (%(default)s)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--limit", type=int, metavar="N", help="N evenly spread objects only")
    chosen.add_argument(
        "--instances",
        type=Path,
        metavar="RESULT.json",
        help="the objects of an earlier result, again",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="RESULT.json",
        help="write the results of all objects, and beside it a curve and the worst and best cases",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="add the result to the metrics in the model's manifest",
    )
    return parser


def _bench(arguments: argparse.Namespace) -> None:
    _check(arguments)
    progress = Progress()
    segmenter = Segmenter(
        arguments.model,
        backend=arguments.backend,
        precision=EXACT,
        threads=arguments.threads,
        size=arguments.size,
        zoom=not arguments.no_zoom,
        flip=arguments.flip,
    )
    dataset = open_dataset(arguments.data, arguments.split)
    instances = _instances(arguments, dataset, progress)
    setup = _setup(arguments, segmenter)
    measurements = measure(segmenter, dataset, instances, arguments.clicks, progress)
    summary = summarise(measurements)
    print(f"{_heading(setup)}\n\n{format_summary(summary)}")
    if arguments.record:
        record(arguments.model or BUNDLED, setup, summary)
    if arguments.out:
        write_result(arguments.out, setup, summary, measurements)
        _draw(arguments.out, setup, measurements, segmenter, dataset)


def _check(arguments: argparse.Namespace) -> None:
    """Refuses at once what would otherwise fail after the measuring."""
    for option in ("clicks", "limit", "min_area"):
        value = getattr(arguments, option)
        if value is not None and value < 1:
            raise UsageError(f"--{option.replace('_', '-')} {value}: it must be 1 or more")
    if arguments.record and arguments.model and arguments.model.suffix == SUFFIX:
        raise UsageError("--record writes into the manifest of an ONNX file; engines have another")
    out = arguments.out
    if out is None:
        return
    if out.suffix != ".json":
        raise UsageError(f"--out {out}: the result is a JSON file; give it a name in .json")
    if not os.access(out.parent, os.W_OK | os.X_OK) or out.is_dir():
        raise OutputError(f"{out} cannot be written: its folder is missing or not writable")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('--out draws with matplotlib; pip install "ioebss[bench]"')


def _instances(
    arguments: argparse.Namespace, dataset: SceneDataset, progress: Progress
) -> list[Instance]:
    if arguments.instances:
        return read_instances(arguments.instances)
    instances = list_instances(dataset, arguments.min_area, progress)
    return evenly_spread(instances, arguments.limit) if arguments.limit else instances


def _setup(arguments: argparse.Namespace, segmenter: Segmenter) -> dict[str, Any]:
    """What was measured, how and where, for the JSON file."""
    manifest = segmenter.manifest
    return {
        "model": {
            "name": manifest.name,
            "architecture": manifest.architecture,
            "precision": manifest.precision,
            "sha256": manifest.sha256,
            "size": segmenter.size,
            "zoom": asdict(segmenter.zoom) if segmenter.zoom else None,
            "flip": segmenter.flip,
            "backend": segmenter.backend,
            "threads": arguments.threads,
        },
        "data": {
            "folders": [path.resolve().name for path in arguments.data],
            "split": arguments.split,
            "min_area": None if arguments.instances else arguments.min_area,
        },
        "protocol": {"click": "centre of the larger error region", "max_clicks": arguments.clicks},
        **provenance(shlex.join(["ioebss-bench", *sys.argv[1:]])),
    }


def _heading(setup: dict[str, Any]) -> str:
    model, data = setup["model"], setup["data"]
    threads = f"threads: {model['threads'] or 'as the engine chooses'}"
    return "\n".join(
        (
            f"{model['name']} ({model['architecture']}, {model['precision']}), "
            f"sha256 {model['sha256'][:12]}, size {model['size']}",
            f"{model['backend']} on {setup['device']}, {threads}",
            f"{data['split']} of {', '.join(data['folders'])}; at most "
            f"{setup['protocol']['max_clicks']} clicks, each at the "
            f"{setup['protocol']['click']}; void excluded",
        )
    )


def _draw(
    out: Path,
    setup: dict[str, Any],
    measurements: Sequence[Measurement],
    segmenter: Segmenter,
    dataset: SceneDataset,
) -> None:
    title = f"{setup['model']['name']} on {setup['data']['split']}"
    plot_iou_over_clicks(out.with_name(f"{out.stem}-curve.png"), measurements, title)
    cases = choose_cases(measurements)
    draw_cases(out.with_name(f"{out.stem}-cases.png"), segmenter, dataset, cases, title)
