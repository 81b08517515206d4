"""`ioebss-calibrate`: measures the ranges of a model's activations on real photographs."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from ioebss.command import run_command
from ioebss.errors import OutputError, UsageError

DESCRIPTION = """Measure the ranges of a model's activations, on photographs whose objects are
clicked as people would. `ioebss-export MODEL.onnx --int8 --calibration RANGES.json` makes an 8-bit
model of them.
"""
PHOTOS = 40


def main() -> None:
    """Entry point."""
    run_command(_parser(), _calibrate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-calibrate", description=DESCRIPTION)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="float32 model")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder of photos and masks, as for ioebss-train; repeatable",
    )
    parser.add_argument("--split", default="train", help="list of photos (%(default)s)")
    parser.add_argument("--photos", type=int, default=PHOTOS, help="how many (%(default)s)")
    parser.add_argument(
        "--method",
        choices=("minmax", "entropy", "percentile"),
        default="minmax",
        help="extremes, least loss of information, or all but outliers (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of photos and clicks (%(default)s)")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="RANGES.json")
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
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent} is not a folder; make it first")
    from ioebss.calibration.measure import calibrated
    from ioebss.calibration.ranges import write_ranges
    from ioebss.progress import Progress
    from ioebss.trainer.datasets import open_dataset

    ranges = calibrated(
        arguments.model,
        open_dataset(arguments.data, arguments.split),
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
