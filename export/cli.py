"""`ioebss-export`: a trained run to a model file that the runtime loads."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from ioebss.command import run_command
from ioebss.errors import MissingExtraError
from ioebss.windows import Zoom

DESCRIPTION = """Export a trained run to one ONNX graph (photo and clicks in, logits out) and its
manifest, and prove on real photographs that it equals the PyTorch model. A failed proof leaves no
file.
"""
_ZOOM_DEFAULTS = ", ".join(f"{key}={value}" for key, value in asdict(Zoom()).items())


def main() -> None:
    """Entry point."""
    run_command(_parser(), _export)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-export", description=DESCRIPTION)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder that ioebss-train wrote")
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
    return parser


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
