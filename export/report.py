"""The report of a proof: `proof.json` for programs, `proof.html` for people."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ioebss import atomic
from ioebss.errors import OutputError
from ioebss.export.masks import Case, MaskAgreement
from ioebss.export.page import page
from ioebss.export.proof import Proof, Subject

FORMAT = 1
RECORD, PAGE = "proof.json", "proof.html"


def check_folder(folder: Path) -> None:
    """Checks that a report can be written here, before the work is done.

    Raises:
        OutputError: something else is in the way, or the folder around it is missing.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder for the report")
    atomic.check_parent(folder)


def make_folder(folder: Path) -> None:
    """Makes the folder of a report, if it is missing.

    Raises:
        OutputError: see `check_folder`.
    """
    check_folder(folder)
    atomic.make_folder(folder)


def write_report(proof: Proof, folder: Path) -> None:
    """Writes both files to a folder, which is made if it is missing.

    Raises:
        OutputError: they cannot be written.
    """
    make_folder(folder)
    _write(folder / RECORD, record(proof))
    _write(folder / PAGE, page(proof))


def _write(path: Path, text: str) -> None:
    # Names of files need not be text; what is not is written as \\x.. or \\u....
    content = text.encode("utf-8", "backslashreplace")
    atomic.write_atomically(path, lambda temporary: temporary.write_bytes(content))


def record(proof: Proof) -> str:
    """Everything about a proof as JSON, one photo a line. Numbers that are not finite are null."""
    table: dict[str, Any] = {
        "format": FORMAT,
        "status": proof.status,
        "words": proof.words,
        "look_first": proof.look_first,
        "reference": _subject(proof.reference),
        "candidate": _subject(proof.candidate),
        "limits": asdict(proof.limits),
        "stages": [asdict(stage) for stage in proof.stages],
        "data": proof.data,
        "values": asdict(proof.values) if proof.values else None,
        "masks": _masks(proof.masks) if proof.masks else None,
        "layers": asdict(proof.layers) if proof.layers else None,
        "without_layers": proof.without_layers,
        **proof.provenance,
    }
    head = json.dumps(_finite(table), indent=1, allow_nan=False)
    rows = ",\n".join(
        f"  {json.dumps(_finite(_case(case)))}"
        for case in (proof.masks.cases if proof.masks else ())
    )
    return f'{head.removesuffix("}").rstrip()},\n "cases": [\n{rows}\n ]\n}}\n'


def _subject(subject: Subject) -> dict[str, Any]:
    manifest = subject.manifest
    return {
        "file": subject.path,
        "name": manifest.name,
        "architecture": manifest.architecture,
        "precision": manifest.precision,
        "sha256": manifest.sha256,
        "backend": subject.backend,
    }


def _masks(masks: MaskAgreement) -> dict[str, Any]:
    truth = masks.truth
    return {
        **masks.numbers(),
        "truth": None
        if truth is None
        else {
            "objects": truth.objects,
            "max_clicks": truth.max_clicks,
            "mean_iou": [list(pair) for pair in truth.mean_iou],
            "noc": {
                f"{target:.2f}": {**asdict(change), "difference": change.difference}
                for target, change in truth.noc.items()
            },
        },
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "photo": case.name,
        "clicks": [[c.x, c.y, c.label] for c in case.clicks],
        "ious": _rounded(case.ious),
        "same_inputs": _rounded(case.same_inputs),
        "reference_truth": _rounded(case.reference_truth),
        "candidate_truth": _rounded(case.candidate_truth),
    }


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [round(value, 6) for value in values]


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
