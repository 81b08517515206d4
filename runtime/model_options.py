"""The options of commands that run a model, and the segmenter that they ask for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.precision import AUTO, CHOICES, INT8

if TYPE_CHECKING:
    from ioebss.segmenter import Segmenter


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """`--model`, `--precision` and `--int8`, `--backend`, `--size` and `--threads`."""
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
        "--backend", default=AUTO, help="inference engine, or auto for the first that works"
    )
    parser.add_argument("--size", type=int, help="longer side of the network's input in pixels")
    parser.add_argument(
        "--threads",
        type=int,
        help="CPU threads of the network (IOEBSS_THREADS, else the engine's own choice)",
    )


def open_segmenter(arguments: argparse.Namespace, **more: bool) -> Segmenter:
    """The segmenter that these options ask for; raises as `Segmenter` does.

    Args:
        more: `zoom` and `flip`, see `Segmenter`.
    """
    from ioebss.segmenter import Segmenter

    return Segmenter(
        arguments.model,
        backend=arguments.backend,
        precision=arguments.precision,
        threads=arguments.threads,
        size=arguments.size,
        **more,
    )
