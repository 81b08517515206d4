"""`ioebss-export`: a trained run to a model file that the runtime loads."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path

from ioebss.command import run_command
from ioebss.errors import MissingExtraError, UsageError
from ioebss.export.proof_cli import VERIFY, proof_parser, prove_command
from ioebss.windows import Zoom

DESCRIPTION = """Export a trained run to one ONNX graph (photo and clicks in, logits out) and its
manifest, and prove on real photographs that it equals the PyTorch model. Or, with --int8, make an
8-bit model of a float32 one and prove that its masks are the same but for a few pixels. A failed
proof leaves no file.
"""
EPILOG = """examples:
  ioebss-export runs/mine -o mine.onnx --zoom
  ioebss-calibrate mine.onnx --data DATA -o ranges.json
  ioebss-export mine.onnx -o mine.int8.onnx --int8 --calibration ranges.json --data DATA
  ioebss-export --verify mine.onnx mine.int8.onnx --data DATA --report proof    (--verify --help)
"""
_ZOOM_DEFAULTS = ", ".join(f"{key}={value}" for key, value in asdict(Zoom()).items())


def main() -> None:
    """Entry point."""
    if VERIFY in sys.argv[1:]:  # its own command in all but name: nothing is exported
        run_command(proof_parser(), prove_command)
    else:
        run_command(_parser(), _export)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ioebss-export",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder that ioebss-train wrote; with --int8, a float32 MODEL.onnx",
    )
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="MODEL.onnx")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--size", type=int, help="fixed square input of this side, batch 1")
    shape.add_argument(
        "--dynamic", action="store_true", help="open batch, height and width (the default)"
    )
    parser.add_argument(
        "--recommended-sizes",
        type=_sides,
        metavar="S,S,...",
        help="longer sides to recommend, the runtime's default first (the training size)",
    )
    parser.add_argument(
        "--zoom",
        type=_zoom,
        nargs="*",
        metavar="KEY=VALUE",
        help="have the runtime zoom in on the object; margin, keep, min_side and first as in "
        f"ioebss.windows.Zoom ({_ZOOM_DEFAULTS}); without --zoom it looks at the whole photo",
    )
    parser.add_argument(
        "--photos", type=Path, metavar="DIR", help="photos for the proof (the bundled samples)"
    )
    parser.add_argument("--name", help="of the model (the recipe's)")
    parser.add_argument("--licence", help="terms of the weights, for the manifest")
    _add_int8(parser.add_argument_group("8 bits, for CPUs"))
    return parser


def _add_int8(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--int8", action="store_true", help="make an 8-bit model")
    group.add_argument(
        "--calibration", type=Path, metavar="RANGES.json", help="ranges of ioebss-calibrate"
    )
    group.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DIR",
        help="photos and masks for the proof, as for ioebss-train; repeatable",
    )
    group.add_argument("--split", help="list of these photos (val)")
    group.add_argument(
        "--keep-fp32",
        action="append",
        metavar="TEXT",
        help="leave convolutions in float32 whose weight's name contains this; repeatable",
    )
    group.add_argument(
        "--mean-iou",
        type=float,
        metavar="IOU",
        help="demanded of the masks with the float32 model's, 0 to 1 (0.97)",
    )


def _sides(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of sides such as 320,256") from None


def _zoom(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        return key, type(asdict(Zoom())[key])(value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of the settings such as {_ZOOM_DEFAULTS}"
        ) from None


def _export(arguments: argparse.Namespace) -> None:
    try:
        from ioebss.export.export import export_model
    except ImportError as error:
        raise MissingExtraError(
            f'exporting needs more than the runtime ({error}); pip install "ioebss[export]"'
        ) from None
    from ioebss.progress import Progress

    if arguments.int8:
        _export_int8(arguments)
        return
    _refuse(arguments, "goes with --int8", "calibration", "data", "split", "keep_fp32", "mean_iou")
    export_model(
        arguments.run,
        arguments.output,
        Progress(),
        arguments.size,
        arguments.photos,
        arguments.recommended_sizes,
        zoom=None if arguments.zoom is None else Zoom(**dict(arguments.zoom)),
        name=arguments.name,
        licence=arguments.licence,
        command=shlex.join(["ioebss-export", *sys.argv[1:]]),
    )
    print(arguments.output)


def _export_int8(arguments: argparse.Namespace) -> None:
    from ioebss.export.compare import INT8
    from ioebss.export.int8 import export_int8
    from ioebss.progress import Progress
    from ioebss.trainer.datasets import open_dataset

    options = ("size", "dynamic", "recommended_sizes", "zoom", "photos", "name", "licence")
    _refuse(arguments, "does not go with --int8: the float32 model has it", *options)
    mean = INT8.mean if arguments.mean_iou is None else arguments.mean_iou
    if not 0 <= mean <= 1:
        raise UsageError(f"--mean-iou {mean}: it must be 0 to 1")
    if not arguments.calibration or not arguments.data:
        raise UsageError(
            "--int8 needs --calibration RANGES.json (of ioebss-calibrate) and --data DIR (photos "
            "with masks for the proof)"
        )
    export_int8(
        arguments.run,
        arguments.output,
        arguments.calibration,
        open_dataset(arguments.data, arguments.split or "val"),
        Progress(),
        arguments.keep_fp32 or [],
        replace(INT8, mean=mean),
        shlex.join(["ioebss-export", *sys.argv[1:]]),
    )
    print(arguments.output)


def _refuse(arguments: argparse.Namespace, reason: str, *names: str) -> None:
    """Refuses options that would be ignored."""
    for name in names:
        if getattr(arguments, name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')} {reason}")
