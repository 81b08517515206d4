"""What the proof of a model says: its stages, what is demanded, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ioebss.export.layers import LayerErrors
from ioebss.export.masks import NOC_TARGETS, MaskAgreement
from ioebss.export.values import ValueDifferences
from ioebss.manifest import Manifest

Status = Literal["passed", "failed", "not run"]
PASSED: Status = "passed"
FAILED: Status = "failed"
NOT_RUN: Status = "not run"
JUDGED_TARGET = NOC_TARGETS[0]


@dataclass(frozen=True)
class Limits:
    """What is demanded. None demands nothing.

    Attributes:
        mean_iou, worst_iou: least IoU of the masks with the reference's on the same inputs, 0..1.
        session_iou: least mean IoU of the masks of sessions of their own, 0..1.
        noc: by how many clicks NoC@85 may be greater than the reference's, where there is a truth.
        logit: greatest |difference| of a logit on identical inputs.
        pixels: greatest share of mask pixels that differ on identical inputs, 0..1.
    """

    mean_iou: float
    worst_iou: float
    noc: float = 0.15
    session_iou: float | None = None
    logit: float | None = None
    pixels: float | None = None


# By the precision of the candidate. Those of fp32 are what `verify` demands of a fresh export; it
# can also measure how much float32 rounds in the PyTorch model.
LIMITS = {
    "fp32": Limits(mean_iou=0.99, worst_iou=0.99, logit=1e-3, pixels=1e-4),
    "fp16": Limits(mean_iou=0.995, worst_iou=0.98),
    "int8": Limits(mean_iou=0.97, worst_iou=0.0),
}


@dataclass(frozen=True)
class Stage:
    """One step of the proof.

    Attributes:
        name: "names", "shapes", "values" or "masks".
        status: a stage that could not run is "not run", which is never "passed".
        words: what is not as demanded, or why it was not run; empty if it passed.
    """

    name: str
    status: Status
    words: tuple[str, ...] = ()


def judged(name: str, failures: list[str]) -> Stage:
    """A stage that ran."""
    return Stage(name, FAILED if failures else PASSED, tuple(failures))


@dataclass(frozen=True)
class Subject:
    """One of the two models.

    Attributes:
        path: of its file.
        manifest: of it.
        backend: name of the engine that ran it, with what was done so that it is a fair one.
    """

    path: str
    manifest: Manifest
    backend: str


@dataclass(frozen=True)
class Proof:
    """What was compared, what came out, and whether that is as demanded.

    Attributes:
        reference, candidate: the models.
        limits: what was demanded.
        stages: names, shapes, values, masks, in this order.
        data: folders, split and how photos and clicks were chosen.
        values, masks, layers: what was measured; None where it was not.
        without_layers: why there is nothing about the layers; empty if there is.
        provenance: command, commit, time, device and versions.
    """

    reference: Subject
    candidate: Subject
    limits: Limits
    stages: tuple[Stage, ...]
    data: dict[str, Any]
    values: ValueDifferences | None = None
    masks: MaskAgreement | None = None
    layers: LayerErrors | None = None
    without_layers: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """Failed if a stage failed; passed only if every stage passed."""
        found = {stage.status for stage in self.stages}
        if FAILED in found:
            return FAILED
        return PASSED if found == {PASSED} else NOT_RUN

    @property
    def words(self) -> list[str]:
        """What failed; if nothing did, why the proof was not run."""
        wanted = FAILED if self.status == FAILED else NOT_RUN
        return [words for stage in self.stages if stage.status == wanted for words in stage.words]

    @property
    def look_first(self) -> str:
        """The layer to look at first, in words; empty if no layer was compared."""
        return self.layers.look_first if self.layers else ""

    def summary(self) -> dict[str, Any]:
        """The few numbers that a manifest keeps."""
        summary: dict[str, Any] = {
            "status": self.status,
            "reference": self.reference.manifest.sha256,
        }
        if self.masks is not None:
            summary |= self.masks.summary()
        if self.values is not None:
            summary["logit"] = self.values.maximum
        return summary


def value_failures(values: ValueDifferences, limits: Limits) -> list[str]:
    """What is not as demanded of the values, in words."""
    found = []
    if values.not_finite:
        found.append(
            f"{values.not_finite} logits are not finite where the reference's are: something "
            "overflows"
        )
    elif limits.logit is not None and not values.maximum < limits.logit:
        found.append(f"a logit differs by {values.maximum:.3g}, allowed {limits.logit:g}")
    if limits.pixels is not None and not values.other_side <= limits.pixels:
        found.append(
            f"{100 * values.other_side:.4f} % of the mask pixels differ on identical inputs, "
            f"allowed {100 * limits.pixels:g} %"
        )
    return found


def mask_failures(masks: MaskAgreement, limits: Limits) -> list[str]:
    """What is not as demanded of the masks, in words."""
    found = []
    if not masks.mean_iou >= limits.mean_iou:
        found.append(
            f"mean IoU with the reference {masks.mean_iou:.4f}, demanded {limits.mean_iou:g}"
        )
    if not masks.worst_iou >= limits.worst_iou:
        found.append(
            f"IoU {masks.worst_iou:.4f} with the reference on {masks.worst_photo}, demanded "
            f"{limits.worst_iou:g}"
        )
    if limits.session_iou is not None and not masks.session_iou >= limits.session_iou:
        found.append(
            f"mean IoU {masks.session_iou:.4f} with the reference in sessions, demanded "
            f"{limits.session_iou:g}"
        )
    if masks.truth is not None:
        change = masks.truth.noc[JUDGED_TARGET]
        if not change.difference <= limits.noc:
            found.append(
                f"NoC@{JUDGED_TARGET * 100:.0f} worse by {change.difference:.2f} clicks, allowed "
                f"{limits.noc:g}"
            )
    return found


def table(proof: Proof) -> str:
    """The proof as text."""
    manifest = proof.candidate.manifest
    rows = [
        ("candidate", f"{manifest.name}, {proof.candidate.backend}", ""),
        *numbers(proof),
        ("proof", proof.status, ""),
    ]
    first = max(len(row[0]) for row in rows)
    second = max((len(row[1]) for row in rows if row[2]), default=0)
    lines = [f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows]
    lines += [f"  {words}" for words in proof.words]
    if proof.status == FAILED and proof.look_first:
        lines.append(f"  look first at {proof.look_first}")
    return "\n".join(lines)


def numbers(proof: Proof) -> Iterator[tuple[str, str, str]]:
    """What was measured, as shown to people: name, value and limit."""
    limits = proof.limits
    if proof.values is not None:
        values = proof.values
        demanded = "" if limits.logit is None else f"< {limits.logit:g}"
        yield "max |logit difference|, same inputs", f"{values.maximum:.3g}", demanded
        yield "mean |logit difference|", f"{values.mean:.3g}", ""
        shown = ", ".join(f"{value:.3g}" for value in values.percentiles.values())
        yield f"percentiles {', '.join(values.percentiles)}", shown, ""
        demanded = "" if limits.pixels is None else f"<= {100 * limits.pixels:g} %"
        yield "differing pixels, same inputs", f"{100 * values.other_side:.4f} %", demanded
    if proof.masks is None:
        return
    masks = proof.masks
    yield "photos, masks", f"{masks.photos}, {masks.masks}", ""
    yield "IoU with the reference, mean", f"{masks.mean_iou:.4f}", f">= {limits.mean_iou:g}"
    worst = f"{masks.worst_iou:.4f} ({masks.worst_photo})"
    yield "IoU with the reference, worst", worst, f">= {limits.worst_iou:g}"
    demanded = "" if limits.session_iou is None else f">= {limits.session_iou:g}"
    yield "IoU in sessions of their own, mean", f"{masks.session_iou:.4f}", demanded
    worst = f"{masks.worst_session_iou:.4f} ({masks.worst_session_photo})"
    yield "IoU in sessions of their own, worst", worst, ""
    if masks.truth is None:
        yield "IoU with a truth, NoC", "no masks were given", ""
        return
    for k, (reference, candidate) in enumerate(masks.truth.mean_iou, 1):
        yield f"mIoU after {k} clicks, reference -> candidate", _arrow(reference, candidate, 4), ""
    for target, noc in masks.truth.noc.items():
        demanded = f"<= +{limits.noc:g}" if target == JUDGED_TARGET else ""
        shown = f"{_arrow(noc.reference, noc.candidate, 2)} (+-{noc.error:.2f})"
        yield f"NoC@{target * 100:.0f}, reference -> candidate", shown, demanded


def _arrow(before: float, after: float, digits: int) -> str:
    return f"{before:.{digits}f} -> {after:.{digits}f}"
