"""The one door through which a model leaves: written aside, proven, and only then put in place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ioebss.choice import CPU
from ioebss.errors import ProofError
from ioebss.export.photographs import MAX_PHOTOS, Photographs
from ioebss.export.placing import put_in_place
from ioebss.export.proof import FAILED, NOT_RUN, Limits, table
from ioebss.export.prove import Request, backend_of, prove, prove_or_refuse
from ioebss.export.report import make_folder, write_report
from ioebss.manifest import Manifest, read_manifest, write_manifest
from ioebss.progress import Progress


@dataclass(frozen=True)
class Terms:
    """How models are proven before they leave.

    Attributes:
        photographs: to click on.
        data: where they come from, ready for JSON.
        limits: what is demanded; None takes those of the precision.
        max_photos: at most so many are taken.
        report: folder for the reports, in folders of their own where there are several models;
            None writes one only for a proof that fails.
        command: as it was typed.
    """

    photographs: Photographs
    data: dict[str, Any] = field(default_factory=dict)
    limits: Limits | None = None
    max_photos: int = MAX_PHOTOS
    report: Path | None = None
    command: str = ""


@dataclass(frozen=True)
class Draft:
    """A model that is not proven yet.

    Attributes:
        output: the ONNX file to become.
        write: writes the graph to a path and returns its manifest.
        remedy: what to try if it is not good enough, for the message.
    """

    output: Path
    write: Callable[[Path], Manifest]
    remedy: str


def hand_over(reference: Path, drafts: Sequence[Draft], terms: Terms, progress: Progress) -> None:
    """Writes models and their manifests: all of them, or none if one fails its proof.

    Args:
        reference: the float32 model that they must equal.

    Raises:
        ProofError: a model is not as demanded.
        OutputError: a file cannot be written. Whatever writing a draft raises goes through.
    """
    if terms.report is not None:
        make_folder(terms.report)
    with tempfile.TemporaryDirectory(prefix="ioebss-export-") as folder:
        proven = []
        for draft in drafts:
            graph = Path(folder) / draft.output.name
            manifest = draft.write(graph)
            write_manifest(manifest, graph)
            report = terms.report
            if report is not None and len(drafts) > 1:
                report = report / draft.output.stem
            proof = _prove(reference, graph, terms, report, draft, progress)
            manifest = replace(manifest, training={**manifest.training, "proof": proof})
            proven.append((graph, manifest, draft.output))
        put_in_place(proven)


def prove_engine(
    engine: Path, graph: Path, output: Path, terms: Terms, progress: Progress
) -> dict[str, Any]:
    """The proof of an engine that lies aside, for its manifest: against the ONNX file that it was
    built of, which is run on the CPU.

    Args:
        engine: with its manifest.
        graph: the ONNX file.
        output: the engine as its user knows it.

    Raises:
        ProofError: it is not as demanded. Where it cannot be run, that is no error: the result says
            "not run", and why.
    """
    proof = prove(_request(graph, engine, terms, backend_of(engine)), progress)
    if proof.status == FAILED:
        progress.say(table(proof))
        raise ProofError(f"nothing was written: {output.name} is not as demanded: {proof.words[0]}")
    if terms.report is not None:
        make_folder(terms.report)
        write_report(proof, terms.report / output.stem)
    reason = f"against {graph.name} on the CPU"
    if proof.status == NOT_RUN:
        known = read_manifest(graph).training.get("proof")
        of_graph = known.get("status", "passed") if isinstance(known, dict) else "not run"
        words = "; ".join(proof.words)
        reason = f"it could not run here: {words}. That of its graph {graph.name}: {of_graph}"
    return {**proof.summary(), "reason": reason}


def _request(reference: Path, candidate: Path, terms: Terms, backend: str) -> Request:
    return Request(
        reference,
        candidate,
        terms.photographs,
        terms.data,
        terms.limits,
        backend,
        terms.max_photos,
        command=terms.command,
    )


def _prove(
    reference: Path,
    graph: Path,
    terms: Terms,
    report: Path | None,
    draft: Draft,
    progress: Progress,
) -> dict[str, Any]:
    """What the manifest says of the proof."""
    progress.say(f"proving {draft.output.name}")
    try:
        proof = prove_or_refuse(
            _request(reference, graph, terms, CPU), report, draft.output, progress
        )
    except ProofError as error:
        raise ProofError(f"nothing was written: {error}; {draft.remedy}") from None
    return {**proof.summary(), "engine": proof.candidate.backend, "data": proof.data}
