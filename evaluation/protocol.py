"""What is measured, and how an object is pointed out to it: the course of every object."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click
from ioebss.errors import UsageError
from ioebss.evaluation.boundary import boundary_iou
from ioebss.evaluation.instances import Instance
from ioebss.overlap import iou, pixel_accuracy
from ioebss.robot import MAX_CLICKS, InteractiveSession, Step, click_once, steps
from ioebss.simulation import Mask, random_pairs
from ioebss.trainer.datasets.scene import VOID, Scene
from ioebss.trimaps import simulated_trimap

CENTRE, RANDOM, TRIMAP = "centre", "random", "trimap"
BAND = 0.1  # unknown to either side of a simulated trimap's outline, in parts of sqrt(area)


class Method(Protocol):
    """What can be measured. `ioebss.Segmenter` is one."""

    def open(self, photo: NDArray[np.uint8]) -> InteractiveSession:
        """Prepares a photo, RGB uint8 (H, W, 3)."""
        ...


@runtime_checkable
class TrimapSession(Protocol):
    """A session that takes trimaps, as `ioebss.Session` does."""

    def predict_trimap(self, trimap: NDArray[np.uint8]) -> Mask:
        """The mask, bool (H, W), of a trimap: uint8 (H, W), 255 on the object, 0 off it, anything
        else unknown."""
        ...


@dataclass(frozen=True)
class Pointing:
    """How objects are pointed out.

    Attributes:
        kind: "centre": each click in the centre of the larger error region, until the mask is equal
            to the truth (RITM and its successors). "random": points uniform over the object and its
            surroundings in turn, whatever the mask (Wang et al. 2020). "trimap": one trimap, with
            an unknown band along the outline (`BAND`).
        max_clicks: for each object; a trimap counts as one.
        seed: of the random points, which are the same for all methods.
    """

    kind: str = CENTRE
    max_clicks: int = MAX_CLICKS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in (CENTRE, RANDOM, TRIMAP):
            raise UsageError(f"no protocol {self.kind!r}; there are {CENTRE}, {RANDOM}, {TRIMAP}")
        if self.max_clicks < 1:
            raise UsageError(f"at most {self.max_clicks} clicks: allow at least 1")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: it must be 0 or more")

    @property
    def inputs(self) -> int:
        """How many masks an object gives: one a click, or that of a trimap."""
        return 1 if self.kind == TRIMAP else self.max_clicks

    def as_json(self) -> dict[str, Any]:
        """For a result, in words."""
        words: dict[str, dict[str, Any]] = {
            CENTRE: {"click": "centre of the larger error region"},
            RANDOM: {"click": "random points on and off the object in turn", "seed": self.seed},
            TRIMAP: {"click": f"none: a trimap, unknown within {BAND} sqrt(area) of the outline"},
        }
        return words[self.kind] | {"max_clicks": self.inputs}


@dataclass(frozen=True)
class Course:
    """What happened on one object.

    Attributes:
        clicks: in order; fewer than the protocol allows where the mask became equal to the truth,
            and none where a trimap was given.
        ious: after 1, 2, ... clicks, as many as the protocol allows; the last one is repeated where
            no click was left to make.
        accuracies: pixel accuracy, likewise.
        boundary_ious: likewise.
        milliseconds: wall time of each click made.
    """

    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    accuracies: tuple[float, ...]
    boundary_ious: tuple[float, ...]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """An object and what happened on it.

    Attributes:
        photo: the fingerprint of its scene; "" in files of versions that took none.
    """

    instance: Instance
    course: Course
    photo: str = ""


def masks_of(scene: Scene, label: int) -> tuple[Mask, Mask]:
    """The object, and where pixels count: truth and valid, bool (H, W). Other objects of the scene
    are background."""
    return scene.labels == label, scene.labels != VOID


def click_through(
    method: Method,
    image: NDArray[np.uint8],
    truth: Mask,
    valid: Mask,
    pointing: Pointing,
    name: str = "",
) -> Course:
    """Points one object out; no IoU ends it early.

    Args:
        method: is measured.
        image: uint8 (H, W, 3), RGB.
        truth: the object, bool (H, W).
        valid: bool (H, W), False where pixels are void: never clicked, never counted.
        pointing: how.
        name: of the object; random points depend on it and the seed alone.

    Raises:
        UsageError: the object has no valid pixel, the method takes no trimap, or it returns
            something else than a bool mask of the photo's size.
        IoebssError: whatever the method raises.
    """
    made = []
    scores = []
    session = method.open(image)
    for click, mask, milliseconds in _answers(session, truth, valid, pointing, name):
        made.append((click, milliseconds))
        scores.append(
            [f(mask, truth, valid) for f in (iou, pixel_accuracy, boundary_iou)],
        )
    if not made:
        raise UsageError("there is nothing to click on: the object has no valid pixel")
    scores += scores[-1:] * (pointing.inputs - len(scores))
    ious, accuracies, boundary_ious = (tuple(column) for column in zip(*scores, strict=True))
    clicks = tuple(click for click, _ in made if click is not None)
    return Course(clicks, ious, accuracies, boundary_ious, tuple(ms for _, ms in made))


def measure_one(method: Method, scene: Scene, instance: Instance, pointing: Pointing) -> Course:
    """Points out one object of a scene; see `click_through`."""
    truth, valid = masks_of(scene, instance.label)
    name = f"{instance.scene} {instance.label}"
    return click_through(method, scene.image, truth, valid, pointing, name)


def by_photo(instances: Sequence[Instance]) -> list[list[Instance]]:
    """Objects of one photo that follow each other, together, so that it is decoded once."""
    return [list(group) for _, group in groupby(instances, key=lambda instance: instance.index)]


def random_clicks(truth: Mask, valid: Mask, count: int, seed: int, name: str) -> list[Click]:
    """The paper's simulated clicks: uniform over the object and over the rest, in turn, beginning
    on the object. The first k are the same whatever the count is.

    Args:
        truth, valid: bool (H, W).
        count: of clicks; fewer are made where one side has no pixel.
        seed, name: the points depend on these and the masks alone.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    pairs = [random_pairs(truth, valid, 1, rng) for _ in range(-(-count // 2))]
    return [click for pair in pairs for click in pair][:count]


def _answers(
    session: InteractiveSession, truth: Mask, valid: Mask, pointing: Pointing, name: str
) -> Iterator[tuple[Click | None, Mask, float]]:
    """Every input to a session: the click, the mask after it, and milliseconds."""
    if pointing.kind == TRIMAP:
        yield _trimap_answer(session, truth, valid)
        return
    if pointing.kind == CENTRE:
        made: Iterator[Step] = steps(session, truth, valid, pointing.max_clicks)
    else:
        clicks = random_clicks(truth, valid, pointing.max_clicks, pointing.seed, name)
        if clicks and clicks[0].label != FOREGROUND:
            return
        made = (click_once(session, click) for click in clicks)
    for step in made:
        yield step.click, step.mask, step.milliseconds


def _trimap_answer(
    session: InteractiveSession, truth: Mask, valid: Mask
) -> tuple[None, Mask, float]:
    if not isinstance(session, TrimapSession):
        raise UsageError("this method takes no trimaps; leave it out, or choose another protocol")
    if not (truth & valid).any():
        raise UsageError("there is nothing to click on: the object has no valid pixel")
    band = max(1, round(BAND * float(np.sqrt(np.count_nonzero(truth)))))
    trimap = simulated_trimap(truth, valid, band)
    started = time.perf_counter()
    mask = session.predict_trimap(trimap)
    return None, mask, 1e3 * (time.perf_counter() - started)
