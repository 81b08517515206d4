"""The options of `ioebss-export`, group by group."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from ioebss.export.proof_cli import OF_PROOFS, add_proof_options
from ioebss.windows import OPTIONAL, Zoom

# How new models zoom in: as the bundled one does.
_ZOOM = asdict(Zoom(islands=0.05, forget=0.15, unsure=1.0))
_ZOOM_DEFAULTS = ", ".join(f"{key}={value}" for key, value in _ZOOM.items())
_NONE = "none"
_OR_NONE = " or ".join(f"{key}={_NONE}" for key in OPTIONAL)
# Options that only mean something together with another one; the command refuses them without it.
OF_RUNS = ("size", "dynamic", "recommended_sizes", "zoom", "no_zoom", "photos", "name", "licence")
OF_LOWER_PRECISION = ("keep_fp32",)
OF_PROVEN = ("data", "split", *OF_PROOFS)  # of models that are compared with others
OF_INT8 = ("calibration", "exclude_until")
OF_BATCHES = ("max_batch",)  # with engines and with Triton
OF_ENGINES = (
    "sizes",
    "workspace",
    "optimisation_level",
    "compute_capability",
    "cache",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds all of them."""
    _add_files(parser)
    _add_run(parser.add_argument_group("from a RUN"))
    _add_precision(parser.add_argument_group("lower precision"))
    _add_proof(parser.add_argument_group("proof of a lower precision or an engine"))
    _add_engine(parser.add_argument_group("engines"))
    _add_triton(parser.add_argument_group("Triton Inference Server"))


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        nargs="?",
        metavar="RUN|MODEL.onnx",
        help="folder that ioebss-train wrote, or a float32 model (the bundled one)",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help="the file to write; where there are several, they are named after it (the current "
        "folder, named after the source)",
    )


def _add_run(group: argparse._ArgumentGroup) -> None:
    shape = group.add_mutually_exclusive_group()
    shape.add_argument("--size", type=int, help="fixed square input of this side, batch 1")
    shape.add_argument(
        "--dynamic", action="store_true", help="open batch, height and width (the default)"
    )
    group.add_argument(
        "--recommended-sizes",
        type=_sides,
        metavar="S,S,...",
        help="longer sides to recommend, the runtime's default first (the training size; a "
        "quarter more, that and half as much more where it zooms in)",
    )
    zoom = group.add_mutually_exclusive_group()
    zoom.add_argument(
        "--zoom",
        type=_zoom,
        nargs="*",
        metavar="KEY=VALUE",
        help="have the runtime zoom in on the object, which networks that read a previous mask do "
        "without asking; margin, keep and the others as in ioebss.windows.Zoom "
        f"({_ZOOM_DEFAULTS}; {_OR_NONE})",
    )
    zoom.add_argument(
        "--no-zoom", action="store_true", help="have the runtime look at the whole photo alone"
    )
    group.add_argument(
        "--photos", type=Path, metavar="DIR", help="photos for the proof (the bundled samples)"
    )
    group.add_argument("--name", help="of the model (the recipe's)")
    group.add_argument("--licence", help="terms of the weights, for the manifest")


def _add_precision(group: argparse._ArgumentGroup) -> None:
    precision = group.add_mutually_exclusive_group()
    precision.add_argument(
        "--fp16", action="store_true", help="half weights and activations: NAME.fp16.onnx"
    )
    precision.add_argument(
        "--int8",
        action="store_true",
        help="8 bits, for CPUs and for TensorRT: NAME.int8.cpu.onnx and NAME.int8.trt.onnx",
    )
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="RANGES.json|DIR",
        help="with --int8: ranges of ioebss-calibrate, or photos and masks to calibrate on",
    )
    group.add_argument(
        "--keep-fp32",
        action="append",
        metavar="PATTERN",
        help="leave in float32 what has PATTERN in its own or its weights' name (a full name means "
        "that one alone); repeatable",
    )
    group.add_argument(
        "--exclude-until",
        type=_share,
        metavar="IOU",
        help="with --int8: leave the most sensitive layers in float32, as many as this mean IoU "
        "with the float32 model's masks needs on some photos of the proof, 0 to 1 (minutes)",
    )


def _add_proof(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DIR",
        help="photos and masks to prove it on, as for ioebss-train; repeatable (the folder of "
        "--calibration, or else the bundled samples)",
    )
    group.add_argument("--split", help="list of these photos (val)")
    add_proof_options(group)


def _add_engine(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--engine",
        choices=("tensorrt", "tensorrt-rtx", "auto"),
        help="build an engine: NAME.tensorrt.engine or NAME.tensorrt-rtx.engine; auto takes "
        "TensorRT where it is installed and a GPU is there, else TensorRT-RTX",
    )
    group.add_argument(
        "--sizes",
        type=_sides,
        metavar="S,S,...",
        help="longer sides of the input to build for (256,512,768,1024 and the model's own)",
    )
    group.add_argument(
        "--max-batch",
        type=int,
        metavar="N",
        help="inputs at a time, at most (1; with --triton, for an ONNX file, 8)",
    )
    group.add_argument(
        "--workspace",
        type=_at_least_one,
        metavar="MIB",
        help="device memory that a layer may use for scratch, at most (the library's default)",
    )
    group.add_argument(
        "--optimisation-level",
        type=int,
        choices=range(6),
        help="how long to look for better kernels (the library's default, 3)",
    )
    group.add_argument(
        "--compute-capability",
        type=_texts,
        metavar="C,C,...",
        help="with TensorRT-RTX: GPUs to build for, as 7.5,8.6, or current (8.0 and later)",
    )
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="of engines (ioebss/engines in ~/.cache)"
    )


def _add_triton(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--triton",
        type=Path,
        metavar="DIR",
        help="write what is made, or the model or engine that is named, into this model repository",
    )


def _sides(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of sides such as 320,256") from None


def _texts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: it must be 0 to 1")
    return value


def _at_least_one(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: it must be a whole number, 1 or more")
    return int(text)


def zoom_of(settings: Iterable[tuple[str, float | None]]) -> Zoom:
    """What `--zoom` says, with the defaults of new models for the rest.

    Raises:
        UsageError: a value is out of range.
    """
    return Zoom(**(_ZOOM | dict(settings)))


def _zoom(text: str) -> tuple[str, float | None]:
    key, _, value = text.partition("=")
    try:
        if key in OPTIONAL and value == _NONE:
            return key, None
        return key, int(value) if type(_ZOOM[key]) is int else float(value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of the settings such as {_ZOOM_DEFAULTS}"
        ) from None
