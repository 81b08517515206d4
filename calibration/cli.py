"""`ioebss-calibrate`: measures the ranges of a model's activations on real photographs."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.atomic import check_parent
from ioebss.calibration.defaults import METHOD, METHODS, PHOTOS, SPLIT
from ioebss.command import run_command
from ioebss.errors import MissingExtraError, UsageError
from ioebss.trainer.options import add_data

if TYPE_CHECKING:
    from ioebss.calibration.ranges import Ranges
    from ioebss.trainer.datasets.scene import SceneDataset

DESCRIPTION = """Measure the ranges of a model's activations, on photographs whose objects are
clicked as people would. `ioebss-export MODEL.onnx --int8 --calibration RANGES.json` makes an 8-bit
model of them. With --sensitivity, find out which layers lose most in 8 bits.
"""
SENSITIVITY_PHOTOS = 12


def main() -> None:
    """Entry point."""
    run_command(_parser(), _calibrate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-calibrate", description=DESCRIPTION)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="float32 model")
    add_data(parser, ", as for ioebss-train")
    parser.add_argument("--split", default=SPLIT, help="list of photos (%(default)s)")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="how many (%(default)s)")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHOD,
        help="extremes, least loss of information, or all but outliers (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of photos and clicks (%(default)s)")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="RANGES.json")
    parser.add_argument(
        "--sensitivity",
        type=Path,
        metavar="DIR",
        help="then quantise each layer alone and write what it costs: a table and a plot "
        "(minutes); the folder is made",
    )
    parser.add_argument(
        "--sensitivity-photos",
        type=int,
        metavar="N",
        help=f"how many photos for that ({SENSITIVITY_PHOTOS}), drawn with the next --seed",
    )
    return parser


def _calibrate(arguments: argparse.Namespace) -> None:
    if arguments.photos < 1 or arguments.seed < 0:
        raise UsageError("--photos must be 1 or more, --seed 0 or more")
    output: Path = arguments.output
    if (
        output.suffix != ".json"
        or output.resolve() == arguments.model.with_suffix(".json").resolve()
    ):
        raise UsageError(f"{output}: name the ranges file .json, and not like the model's manifest")
    check_parent(output)
    _check_sensitivity(arguments)
    from ioebss.calibration.measure import calibrated
    from ioebss.calibration.ranges import write_ranges
    from ioebss.progress import Progress
    from ioebss.trainer.datasets import open_dataset

    dataset = open_dataset(arguments.data, arguments.split)
    ranges = calibrated(
        arguments.model,
        dataset,
        Progress(),
        arguments.photos,
        arguments.method,
        arguments.seed,
        data=[path.resolve().name for path in arguments.data],
        split=arguments.split,
        command=shlex.join(["ioebss-calibrate", *sys.argv[1:]]),
    )
    write_ranges(ranges, output)
    print(output)
    if arguments.sensitivity is not None:
        _measure_sensitivity(arguments, dataset, ranges)


def _check_sensitivity(arguments: argparse.Namespace) -> None:
    """Refuses at once what would otherwise fail after the measuring."""
    folder: Path | None = arguments.sensitivity
    if folder is None:
        if arguments.sensitivity_photos is not None:
            raise UsageError("--sensitivity-photos goes with --sensitivity DIR")
        return
    if arguments.sensitivity_photos is not None and arguments.sensitivity_photos < 1:
        raise UsageError("--sensitivity-photos must be 1 or more")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--sensitivity {folder} is a file; name a folder")
    check_parent(folder)
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('--sensitivity draws with matplotlib; pip install "ioebss[bench]"')


def _measure_sensitivity(
    arguments: argparse.Namespace, dataset: SceneDataset, ranges: Ranges
) -> None:
    from ioebss.calibration.agreement import Reference
    from ioebss.calibration.samples import network_inputs
    from ioebss.calibration.sensitivity import measure_sensitivity
    from ioebss.calibration.sensitivity_report import worst_layers, write_report
    from ioebss.progress import Progress

    photos = arguments.sensitivity_photos or SENSITIVITY_PHOTOS
    seed = arguments.seed + 1  # other photos than those that the ranges fit
    clicked = list(network_inputs(arguments.model, dataset, photos, seed, False, Progress()))
    inputs = list(chain.from_iterable(clicked))
    counts = {"inputs": len(inputs), "photos": len(clicked)}
    samples = {**ranges.samples, **counts, "seed": seed}
    reference = Reference(arguments.model, inputs)
    sensitivity = measure_sensitivity(reference, ranges, Progress(), samples)
    write_report(sensitivity, arguments.sensitivity)
    print(worst_layers(sensitivity))
    print(arguments.sensitivity)
