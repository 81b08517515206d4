"""`ioebss-export --verify`: the proof of one model against another, by itself."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ioebss.errors import MissingExtraError, UsageError
from ioebss.export.photographs import MAX_PHOTOS

if TYPE_CHECKING:
    from ioebss.export.photographs import Photographs
    from ioebss.export.proof import Limits

VERIFY = "--verify"
DESCRIPTION = """Prove that a model in lower precision segments as its float32 reference does:
names, shapes, values on identical inputs, the masks after the same clicks on real photographs, and,
where masks are given, mean IoU and clicks to a target IoU. Exit code 0: passed; 1: failed, or it
could not be run.
"""
EPILOG = """examples:
  ioebss-export --verify mine.onnx mine.int8.cpu.onnx --data DATA --split val --report proof
  ioebss-export --verify mine.onnx mine.fp16.onnx --photos holiday/
  ioebss-export --verify mine.onnx mine.int8.cpu.onnx          (on the photos that come with IOEBSS)
"""
SPLIT = "val"
OF_PROOFS = ("proof_photos", "mean_iou", "worst_iou", "session_iou", "noc", "report")


def proof_parser() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        "ioebss-export",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        VERIFY,
        type=Path,
        nargs=2,
        required=True,
        metavar=("REFERENCE", "CANDIDATE"),
        help="two ONNX files, or an ONNX file and an engine, with their manifests",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--data",
        type=Path,
        action="append",
        metavar="DIR",
        help="photos with masks, as for ioebss-train; repeatable",
    )
    where.add_argument(
        "--photos", type=Path, metavar="DIR", help="photos without masks (the bundled samples)"
    )
    parser.add_argument("--split", help=f"list of the photos of --data ({SPLIT})")
    parser.add_argument(
        "--backend", help="that runs the candidate (onnxruntime-cpu; for an engine its library)"
    )
    add_proof_options(parser.add_argument_group("the proof"))
    return parser


def add_proof_options(group: argparse._ArgumentGroup) -> None:
    """What every proof can be told; `limits_from` and `checked_photos` read it."""
    group.add_argument(
        "--proof-photos", type=int, metavar="N", help=f"at most so many photos ({MAX_PHOTOS})"
    )
    group.add_argument(
        "--mean-iou",
        type=float,
        metavar="IOU",
        help="least mean IoU of the masks on the same inputs, 0 to 1 (0.995 for fp16, 0.97 for "
        "int8, 0.99 for fp32)",
    )
    group.add_argument(
        "--worst-iou",
        type=float,
        metavar="IOU",
        help="least IoU of any mask, 0 to 1 (0.98 for fp16, 0 for int8, 0.99 for fp32)",
    )
    group.add_argument(
        "--session-iou",
        type=float,
        metavar="IOU",
        help="least mean IoU in sessions in which each model is fed its own masks, 0 to 1 (none)",
    )
    group.add_argument(
        "--noc",
        type=float,
        metavar="CLICKS",
        help="by how many clicks NoC@85 may be worse (0.15)",
    )
    group.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write proof.html and proof.json there; without it they are written only if the proof "
        "fails, to NAME.proof/ beside the model",
    )


def limits_from(arguments: argparse.Namespace, precision: str) -> Limits:
    """The limits of a precision, changed as the command line says.

    Raises:
        UsageError: a limit is out of range.
    """
    from ioebss.export.proof import LIMITS

    given: dict[str, Any] = {
        name: value
        for name in ("mean_iou", "worst_iou", "session_iou", "noc")
        if (value := getattr(arguments, name)) is not None
    }
    for name, value in given.items():
        most = float("inf") if name == "noc" else 1.0
        if not 0 <= value <= most:
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} {value}: it must be {'0 or more' if name == 'noc' else '0 to 1'}"
            )
    return replace(LIMITS[precision], **given)


def checked_photos(arguments: argparse.Namespace) -> int:
    """How many photos a proof takes.

    Raises:
        UsageError: none.
    """
    count: int = MAX_PHOTOS if arguments.proof_photos is None else arguments.proof_photos
    if count < 1:
        raise UsageError(f"--proof-photos {count}: it must be 1 or more")
    return count


def prove_command(arguments: argparse.Namespace) -> None:
    """Runs the proof.

    Raises:
        ProofError: it failed, or could not be run.
    """
    try:
        from ioebss.export.prove import Request, backend_of, prove_or_refuse
        from ioebss.export.report import check_folder
    except ImportError as error:
        raise MissingExtraError(
            f'a proof needs more than the runtime ({error}); pip install "ioebss[export]"'
        ) from None
    from ioebss.choice import read_model_manifest
    from ioebss.progress import Progress

    reference, candidate = arguments.verify
    _check_reference(reference, candidate)
    if arguments.report is not None:
        check_folder(arguments.report)
    if arguments.split is not None and not arguments.data:
        raise UsageError("--split goes with --data")
    photographs, data = photographs_of(arguments.data, arguments.split, arguments.photos)
    request = Request(
        reference,
        candidate,
        photographs,
        data,
        limits_from(arguments, read_model_manifest(candidate).precision),
        arguments.backend or backend_of(candidate),
        checked_photos(arguments),
        command=shlex.join(["ioebss-export", *sys.argv[1:]]),
    )
    prove_or_refuse(request, arguments.report, candidate, Progress())


def _check_reference(reference: Path, candidate: Path) -> None:
    """Refuses what would prove something else than a proof says: that it is as good as float32."""
    from ioebss.choice import is_engine, read_model_manifest

    precision = read_model_manifest(reference).precision
    if is_engine(reference) or (precision != "fp32" and not is_engine(candidate)):
        kind = "an engine" if is_engine(reference) else precision
        raise UsageError(
            f"{reference} is {kind}; the first file is the float32 model, or, of an engine, the "
            "graph that it was built of"
        )


def photographs_of(
    folders: Sequence[Path] | None, split: str | None, photos: Path | None = None
) -> tuple[Photographs, dict[str, Any]]:
    """The photographs of a proof, and where they come from.

    Args:
        folders: of photos with masks; without any, photos alone are taken.
        split: list of theirs.
        photos: folder of photos alone; None takes the samples that come with IOEBSS.
    """
    from ioebss.export.photographs import Alone, WithObjects, photo_paths
    from ioebss.trainer.datasets import open_dataset

    if folders:
        split = split or SPLIT
        names = [path.resolve().name for path in folders]
        dataset = open_dataset(list(folders), split)
        return WithObjects(dataset), {"folders": names, "split": split}
    named = "samples that come with ioebss" if photos is None else photos.resolve().name
    return Alone(photo_paths(photos)), {"folders": [named], "split": None}
