"""What matters: the masks of two models after the same clicks, and how many clicks each needs.

Masks are compared twice. On the *same inputs*, both networks are shown what the reference's session
shows its own: that is how well the candidate does the reference's work, and what is judged. In
*sessions* of their own, each model is fed its own masks and looks where they lead it: one pixel of
difference can move the window, and where a click may mean two things, the wheel or the bus, it can
turn one into the other. What that is worth is for the truth to say: mean IoU and NoC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.errors import DataError
from ioebss.export.drawing import draw_case
from ioebss.export.pair import Pair
from ioebss.export.photographs import SEED, Photograph, Photographs, seeded_click
from ioebss.overlap import iou
from ioebss.progress import Progress
from ioebss.robot import MAX_CLICKS, InteractiveSession, Step, failures, number_of_clicks, steps
from ioebss.simulation import Mask
from ioebss.trainer.datasets.scene import MIN_AREA

CLICKS = 5  # after each of which the masks of both are compared
NOC_TARGETS = (0.85, 0.90)
PICTURES = 10


@dataclass(frozen=True)
class Case:
    """What happened on one photo.

    Attributes:
        name: of the photo.
        clicks: that both models got.
        ious: of the candidate's mask with the reference's after each, in sessions of their own.
        same_inputs: the same in the network's resolution, of what both answer to the last input of
            each click in the reference's session.
        reference_truth, candidate_truth: IoU with the truth after 1, 2, ... clicks of each model's
            own robot user; empty where there is no truth.
    """

    name: str
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    same_inputs: tuple[float, ...]
    reference_truth: tuple[float, ...] = ()
    candidate_truth: tuple[float, ...] = ()

    @property
    def worst(self) -> int:
        """After how many clicks the masks of the sessions agree least."""
        return 1 + int(np.argmin(self.ious))


@dataclass(frozen=True)
class NocChange:
    """Clicks to a target IoU: means over objects.

    Attributes:
        reference, candidate: of each.
        error: standard error of the mean difference over the same objects.
        reference_failures, candidate_failures: objects that never get there.
    """

    reference: float
    candidate: float
    error: float
    reference_failures: int
    candidate_failures: int

    @property
    def difference(self) -> float:
        """How many more clicks the candidate needs."""
        return self.candidate - self.reference


@dataclass(frozen=True)
class TruthAgreement:
    """Both models against the truth.

    Attributes:
        objects: how many.
        max_clicks: of the robot user.
        mean_iou: after 1, 2, ... clicks, the reference's and the candidate's.
        noc: by target IoU.
    """

    objects: int
    max_clicks: int
    mean_iou: tuple[tuple[float, float], ...]
    noc: dict[float, NocChange]


@dataclass(frozen=True)
class MaskAgreement:
    """What was measured on all photos.

    Attributes:
        cases: one for each photo.
        pictures: JPEG files of the worst cases, by the case's place in `cases`, worst first.
        truth: against the truth, or None where it is unknown.
    """

    cases: tuple[Case, ...]
    pictures: dict[int, bytes] = field(default_factory=dict)
    truth: TruthAgreement | None = None

    @property
    def photos(self) -> int:
        """How many were clicked on."""
        return len(self.cases)

    @property
    def masks(self) -> int:
        """How many were compared."""
        return sum(len(case.ious) for case in self.cases)

    @property
    def mean_iou(self) -> float:
        """Of all masks with the reference's, on the same inputs."""
        return float(np.mean([value for case in self.cases for value in case.same_inputs]))

    @property
    def worst_iou(self) -> float:
        """Of all masks with the reference's, on the same inputs."""
        return min(value for case in self.cases for value in case.same_inputs)

    @property
    def worst_photo(self) -> str:
        """Where that was."""
        return min(self.cases, key=lambda case: min(case.same_inputs)).name

    @property
    def session_iou(self) -> float:
        """Mean IoU of all masks with the reference's, in sessions of their own."""
        return float(np.mean([value for case in self.cases for value in case.ious]))

    @property
    def worst_session_iou(self) -> float:
        """Of all masks with the reference's, in sessions of their own."""
        return min(value for case in self.cases for value in case.ious)

    @property
    def worst_session_photo(self) -> str:
        """Where that was."""
        return min(self.cases, key=lambda case: min(case.ious)).name

    def numbers(self) -> dict[str, Any]:
        """What is said of the masks of both, ready for JSON."""
        return {
            "photos": self.photos,
            "masks": self.masks,
            "mean_iou": self.mean_iou,
            "worst_iou": self.worst_iou,
            "worst_photo": self.worst_photo,
            "session_iou": self.session_iou,
            "worst_session_iou": self.worst_session_iou,
            "worst_session_photo": self.worst_session_photo,
        }

    def summary(self) -> dict[str, Any]:
        """The few numbers that a manifest keeps."""
        numbers = self.numbers()
        if self.truth is not None:
            numbers["truth_iou"] = [list(pair) for pair in self.truth.mean_iou]
            numbers["noc"] = {
                f"{target:.2f}": [noc.reference, noc.candidate]
                for target, noc in self.truth.noc.items()
            }
        return numbers


def planned_steps(session: InteractiveSession, photograph: Photograph) -> Iterator[Step]:
    """Clicks on a photo: of the robot user where the object is known. Otherwise seeded ones, of a
    user for whom the session's mask is right: clicks at odds with it would leave pixels undecided
    everywhere, and what two models make of those says nothing."""
    if photograph.truth is not None:
        yield from steps(session, photograph.truth, photograph.valid, MAX_CLICKS)
        return
    rng = np.random.default_rng([SEED, photograph.number])
    height, width = photograph.valid.shape
    mask: Mask | None = None
    for number in range(CLICKS):
        click = seeded_click(number, height, width, rng)
        if mask is not None:
            click = replace(click, label=int(mask[click.y, click.x]))
        mask = session.click(click.x, click.y, click.label)
        yield Step(click, mask, 0.0)


def compare_on(pair: Pair, photographs: Photographs, progress: Progress) -> MaskAgreement:
    """Clicks on photos with both models.

    The reference is clicked on. After each of its first `CLICKS` clicks the masks are compared: on
    the same inputs, and of a session in which the candidate gets the same clicks. Where the object
    is known, both are then clicked on at their own errors until the greatest target IoU is reached
    or `MAX_CLICKS` are used up.

    Raises:
        DataError: there is nothing to click on, or a photo cannot be read.
        BackendError: an engine failed.
    """
    cases: list[Case] = []
    pictures: dict[int, bytes] = {}
    with progress.task("proving", len(photographs)) as advance:
        total, count = 0.0, 0
        for photograph in photographs:
            if photograph is not None:
                case, picture = _compare(pair, photograph)
                pictures[len(cases)] = picture
                cases.append(case)
                pictures = _worst(cases, pictures)
                total, count = total + sum(case.same_inputs), count + len(case.same_inputs)
            advance(f"mean IoU {total / count:.4f}" if count else "")
    if not cases:
        raise DataError(f"no photo has an object of {MIN_AREA} pixels to prove the model on")
    return MaskAgreement(tuple(cases), pictures, against_truth(cases, MAX_CLICKS))


class _Twin:
    """The reference's backend, with the candidate looking over its shoulder."""

    def __init__(self, pair: Pair) -> None:
        self._reference, self._candidate = pair.reference.backend, pair.candidate.backend
        self.name = self._reference.name
        self.watching = True
        self.overlap = 1.0  # IoU of the masks that both made of the last input

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        expected = self._reference.run(inputs)
        if self.watching:
            self.overlap = _overlap(self._candidate.run(inputs) > 0, expected > 0)
        return expected


def _compare(pair: Pair, photograph: Photograph) -> tuple[Case, bytes]:
    twin = _Twin(pair)
    session = pair.open(twin, photograph.image)
    first: list[Step] = []
    same_inputs: list[float] = []
    reference_truth: list[float] = []
    for step in planned_steps(session, photograph):
        if twin.watching:
            first.append(step)
            same_inputs.append(twin.overlap)
            twin.watching = len(first) < CLICKS
        if photograph.truth is not None:
            reference_truth.append(iou(step.mask, photograph.truth, photograph.valid))
            if _enough(reference_truth):
                break
    session = pair.open(pair.candidate.backend, photograph.image)
    masks = [session.click(s.click.x, s.click.y, s.click.label) for s in first]
    case = Case(
        photograph.name,
        tuple(s.click for s in first),
        tuple(_overlap(mask, s.mask) for mask, s in zip(masks, first, strict=True)),
        tuple(same_inputs),
        tuple(reference_truth),
        tuple(_own_course(pair, photograph)),
    )
    place = case.worst - 1
    clicks = case.clicks[: case.worst]
    return case, draw_case(photograph.image, first[place].mask, masks[place], clicks)


def _overlap(mask: Mask, other: Mask) -> float:
    return iou(mask, other, np.ones_like(mask))


def _own_course(pair: Pair, photograph: Photograph) -> Sequence[float]:
    """IoU of the candidate with the truth after each click at its own errors."""
    found: list[float] = []
    if photograph.truth is None:
        return found
    session = pair.open(pair.candidate.backend, photograph.image)
    for step in steps(session, photograph.truth, photograph.valid, MAX_CLICKS):
        found.append(iou(step.mask, photograph.truth, photograph.valid))
        if _enough(found):
            break
    return found


def _enough(ious: Sequence[float]) -> bool:
    """Whether further clicks would change no number that is asked for."""
    return len(ious) >= CLICKS and max(ious) >= max(NOC_TARGETS)


def _worst(cases: Sequence[Case], pictures: dict[int, bytes]) -> dict[int, bytes]:
    """The pictures of the worst cases."""
    places = sorted(pictures, key=lambda place: min(cases[place].ious))
    return {place: pictures[place] for place in places[:PICTURES]}


def against_truth(cases: Sequence[Case], max_clicks: int) -> TruthAgreement | None:
    """Sums the cases with a known object up; None if there is none.

    Args:
        max_clicks: that an object counts with that never gets to an IoU.
    """
    pairs = [(c.reference_truth, c.candidate_truth) for c in cases if c.reference_truth]
    if not pairs:
        return None
    tables = [np.array([_filled(p[i], max_clicks) for p in pairs]) for i in range(2)]
    shown = min(CLICKS, max_clicks)
    means = np.stack([t[:, :shown].mean(0) for t in tables], axis=1)
    changes = {target: _noc_change(tables[0], tables[1], target) for target in NOC_TARGETS}
    return TruthAgreement(
        len(pairs), max_clicks, tuple((float(a), float(b)) for a, b in means), changes
    )


def _noc_change(
    reference: NDArray[np.float64], candidate: NDArray[np.float64], target: float
) -> NocChange:
    """Args: (N, K), IoU of N objects after 1..K clicks."""
    before, after = (number_of_clicks(table, target) for table in (reference, candidate))
    spread = float((after - before).std(ddof=1)) if len(before) > 1 else 0.0
    return NocChange(
        float(before.mean()),
        float(after.mean()),
        spread / len(before) ** 0.5,
        failures(reference, target),
        failures(candidate, target),
    )


def _filled(ious: Sequence[float], length: int) -> list[float]:
    """The last one is repeated where no click was left to make, or none was asked for."""
    return [*ious, *([ious[-1]] * (length - len(ious)))]
