"""Logits on identical inputs: what a real session of the reference showed its network, shown to
both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import Backend
from ioebss.calibration.samples import Recorder
from ioebss.errors import ModelError
from ioebss.export.masks import CLICKS, planned_steps
from ioebss.export.pair import Pair
from ioebss.export.photographs import Photograph, Photographs

PHOTOS = 10
PERCENTILES = (50.0, 90.0, 99.0, 99.9)

Inputs = NDArray[np.float32]


@dataclass(frozen=True)
class ValueDifferences:
    """What was measured.

    Attributes:
        inputs, logits: how many were compared.
        maximum, mean: of the |differences|; infinite where something overflows.
        percentiles: of the |differences|, by their names.
        other_side: share of the logits that are on the other side of 0.
        not_finite: how many of the candidate's logits are not finite.
        deviation: standard deviation of the reference's logits, to compare differences with.
    """

    inputs: int
    logits: int
    maximum: float
    mean: float
    percentiles: dict[str, float]
    other_side: float
    not_finite: int
    deviation: float


def record_inputs(pair: Pair, photographs: Photographs) -> list[Inputs]:
    """Inputs of sessions that the reference plays: on each of at most `PHOTOS` photos the first,
    one in between, and the last. float32 (1, C, H, W) each; none if no photo has an object.

    Raises:
        DataError, ImageError: a photo cannot be read.
    """
    found = []
    # Where those at even distances happen to have no object, the first that have one.
    for photograph in _clickable(photographs.at_most(PHOTOS)) or _clickable(photographs):
        recorder = Recorder(pair.reference.backend)
        session = pair.open(recorder, photograph.image)
        for _ in islice(planned_steps(session, photograph), CLICKS):
            pass
        found += recorder.some()
    return found


def _clickable(photographs: Photographs) -> list[Photograph]:
    """The first `PHOTOS` that have an object, as far as there are so many."""
    return list(islice((found for found in photographs if found is not None), PHOTOS))


def compare_values(
    reference: Backend, candidate: Backend, inputs: Sequence[Inputs]
) -> ValueDifferences:
    """Runs both on the inputs.

    Args:
        inputs: float32 (N, C, H, W) each, at least one.

    Raises:
        ModelError: the reference's logits are not finite. All masks of such are empty, and equal.
        BackendError: an engine failed.
    """
    expected = np.concatenate([reference.run(i).ravel() for i in inputs])
    if not np.isfinite(expected).all():
        raise ModelError(
            "the reference's logits are not finite on these photographs: nothing can be proven "
            "against it; train or export it again"
        )
    actual = np.concatenate([candidate.run(i).ravel() for i in inputs])
    finite = np.isfinite(actual)
    differences = np.abs(actual - expected, dtype=np.float64)
    differences[~finite] = np.inf
    percentiles = np.percentile(differences, PERCENTILES, method="higher")
    return ValueDifferences(
        inputs=len(inputs),
        logits=actual.size,
        maximum=float(differences.max()),
        mean=float(differences.mean()),
        percentiles={f"{p:g}": float(v) for p, v in zip(PERCENTILES, percentiles, strict=True)},
        other_side=float(np.mean((actual > 0) != (expected > 0))),
        not_finite=int(np.count_nonzero(~finite)),
        deviation=float(expected.std()),
    )
