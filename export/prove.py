"""The proof of one model against another: the float32 reference and a candidate made of it.

In stages kept apart: names, then shapes, then values, then what matters, the masks. Each is run
only if what it needs was found in order; one that could not run is said to be "not run", in words,
and a proof with such a stage is never passed. The fresh export of a PyTorch model is proven by
`ioebss.export.verify`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.choice import CPU, is_engine, read_model_manifest
from ioebss.engine_files import read_engine_manifest
from ioebss.errors import BackendError, DataError, ModelError, OutputError, ProofError
from ioebss.export.interface import answer_failures, name_failures, shape_failures
from ioebss.export.layers import compare_layers
from ioebss.export.masks import CLICKS, compare_on
from ioebss.export.naming import ONNX
from ioebss.export.pair import Pair, open_model
from ioebss.export.photographs import MAX_PHOTOS, SEED, Photographs, evenly
from ioebss.export.proof import (
    FAILED,
    LIMITS,
    NOT_RUN,
    Limits,
    Proof,
    Stage,
    Subject,
    judged,
    mask_failures,
    table,
    value_failures,
)
from ioebss.export.report import PAGE, write_report
from ioebss.export.values import compare_values, record_inputs
from ioebss.manifest import Manifest
from ioebss.progress import Progress
from ioebss.provenance import provenance
from ioebss.robot import MAX_CLICKS

LAYER_INPUTS = 3
STAGES = ("names", "shapes", "values", "masks")


@dataclass(frozen=True)
class Request:
    """What is to be proven, on what.

    Attributes:
        reference, candidate: model files with their manifests.
        photographs: to click on.
        data: where they come from, for the report, ready for JSON.
        limits: what is demanded; None takes those of the candidate's precision.
        backend: name of the engine for the candidate.
        max_photos: at most so many photographs are taken, evenly spread.
        command: as it was typed.
    """

    reference: Path
    candidate: Path
    photographs: Photographs
    data: dict[str, Any] = field(default_factory=dict)
    limits: Limits | None = None
    backend: str = CPU
    max_photos: int = MAX_PHOTOS
    command: str = ""


def prove(request: Request, progress: Progress) -> Proof:
    """Compares the candidate with the reference.

    Returns:
        The proof, whatever it says; `Proof.status` tells.

    Raises:
        ModelError: a manifest or file is missing or damaged, or the reference does not run.
        DataError, ImageError: no photo to prove it on, or one cannot be read.
        UsageError: unknown backend.
    """
    manifests = read_model_manifest(request.reference), read_model_manifest(request.candidate)
    with tempfile.TemporaryDirectory(prefix="ioebss-proof-") as folder:
        return _Work(request, *manifests, Path(folder), progress).run()


def backend_of(model: Path) -> str:
    """Name of the engine that is to run a model in a proof: its library for an engine's file.

    Raises:
        ModelError: the engine's manifest is missing or damaged.
    """
    return read_engine_manifest(model).flavour if is_engine(model) else CPU


def prove_or_refuse(
    request: Request, report: Path | None, beside: Path, progress: Progress
) -> Proof:
    """Proves, writes the report where it is asked for or where the proof fails, and raises unless
    the proof is passed.

    Args:
        report: folder for the report; None writes one only if the proof fails, to
            `report_folder(beside)`.
        beside: the model file as its user knows it.

    Raises:
        ProofError: the proof failed or could not be run; the message says why, which layer to look
            at first, and where the report is.
        OutputError: the report that was asked for cannot be written.
    """
    proof = prove(request, progress)
    progress.say(table(proof))
    where = ""
    if report is not None:
        write_report(proof, report)
        where = f"; the report is {report / PAGE}"
    elif proof.status == FAILED:
        where = _written_beside(proof, report_folder(beside))
    if proof.status == NOT_RUN:
        raise ProofError(f"the proof could not be run: {'; '.join(proof.words)}{where}")
    if proof.status == FAILED:
        look = f"; look first at {proof.look_first}" if proof.look_first else ""
        raise ProofError(f"{beside.name} is not as demanded: {proof.words[0]}{look}{where}")
    return proof


def report_folder(model: Path) -> Path:
    """Where the report of a failed proof goes: `model.proof/` beside `model.onnx`."""
    return model.with_suffix(".proof")


def _written_beside(proof: Proof, folder: Path) -> str:
    """The failure itself is what has to be told, also where no report can be written."""
    try:
        write_report(proof, folder)
    except OutputError as error:
        return f"; there is no report: {error}"
    return f"; the report is {folder / PAGE}"


class _Work:
    """A proof being made."""

    def __init__(
        self,
        request: Request,
        reference: Manifest,
        candidate: Manifest,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._request, self._folder, self._progress = request, folder, progress
        self._photographs = request.photographs.at_most(request.max_photos)
        self._stages: list[Stage] = []
        self._proof = Proof(
            Subject(request.reference.name, reference, CPU),
            Subject(request.candidate.name, candidate, request.backend),
            request.limits or LIMITS[candidate.precision],
            (),
            {
                **request.data,
                "photos": len(self._photographs),
                "clicks": CLICKS,
                "max_clicks": MAX_CLICKS,
                "seed": SEED,
            },
            provenance=provenance(request.command),
        )

    def run(self) -> Proof:
        """All stages, as far as they can be run."""
        try:
            self._edges()
            if self._in_order:
                self._measured(self._opened())
        except BackendError as error:
            self._stages.append(Stage(self._next, NOT_RUN, (str(error),)))
        while len(self._stages) < len(STAGES):
            earlier = self._stages[-1]
            reason = f"{earlier.name} {'were not run' if earlier.status == NOT_RUN else 'failed'}"
            self._stages.append(Stage(self._next, NOT_RUN, (reason,)))
        return replace(self._proof, stages=tuple(self._stages))

    @property
    def _next(self) -> str:
        return STAGES[len(self._stages)]

    @property
    def _in_order(self) -> bool:
        return all(stage.status != FAILED for stage in self._stages)

    def _judge(self, failures: list[str]) -> None:
        self._stages.append(judged(self._next, failures))

    def _edges(self) -> None:
        """Names and declared shapes, without running anything."""
        manifests = self._proof.reference.manifest, self._proof.candidate.manifest
        path = self._request.candidate
        graph = path if path.suffix == ONNX else None
        self._judge(name_failures(*manifests, graph))
        if self._in_order and (found := shape_failures(*manifests, graph)):
            self._judge(found)

    def _opened(self) -> Pair:
        request, proof = self._request, self._proof
        reference, candidate = (
            open_model(path, subject.manifest, backend, self._folder)
            for path, subject, backend in (
                (request.reference, proof.reference, CPU),
                (request.candidate, proof.candidate, request.backend),
            )
        )
        self._proof = replace(
            proof, candidate=replace(proof.candidate, backend=candidate.described)
        )
        return Pair(reference, candidate, proof.candidate.manifest)

    def _measured(self, pair: Pair) -> None:
        """Shapes, values and masks, from what the models answer."""
        self._judge(answer_failures(pair.candidate.backend, pair.manifest))
        if not self._in_order:
            return
        inputs = record_inputs(pair, self._photographs)
        if not inputs:
            raise DataError("no photo has an object that is large enough to prove the model on")
        self._progress.say("comparing values and layers")
        values = compare_values(pair.reference.backend, pair.candidate.backend, inputs)
        self._proof = replace(self._proof, values=values)
        self._compare_layers(pair, inputs)
        self._judge(value_failures(values, self._proof.limits))
        if values.not_finite:
            return
        masks = compare_on(pair, self._photographs, self._progress)
        self._proof = replace(self._proof, masks=masks)
        self._judge(mask_failures(masks, self._proof.limits))

    def _compare_layers(self, pair: Pair, inputs: Sequence[NDArray[np.float32]]) -> None:
        reference, candidate = pair.reference.graph, pair.candidate.graph
        if reference is None or candidate is None:
            words = "an engine cannot be looked into; compare the ONNX file that it was built from"
            self._proof = replace(self._proof, without_layers=words)
            return
        chosen = evenly(inputs, LAYER_INPUTS)
        try:
            layers = compare_layers(reference, candidate, chosen, pair.manifest.size_multiple)
        except ModelError as error:
            self._proof = replace(self._proof, without_layers=str(error))
        else:
            self._proof = replace(self._proof, layers=layers)
