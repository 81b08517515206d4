"""Bootstrap intervals against the enumeration of all resamples, and against the normal interval."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ioebss.errors import UsageError
from ioebss.evaluation.metrics import estimate


def test_bootstrap_equals_the_enumeration_of_all_resamples() -> None:
    values = [0.0, 0.1, 0.5, 0.9]
    means = sorted(np.mean(draw) for draw in itertools.product(values, repeat=4))
    result = estimate(values, resamples=20_000)
    assert result.mean == pytest.approx(0.375)
    assert result.low == pytest.approx(np.percentile(means, 2.5), abs=0.026)
    assert result.high == pytest.approx(np.percentile(means, 97.5), abs=0.026)


def test_bootstrap_of_many_values_equals_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    error = 1.96 * values.std() / 20
    result = estimate(values, resamples=4000)
    assert result.mean - result.low == pytest.approx(error, rel=0.08)
    assert result.high - result.mean == pytest.approx(error, rel=0.08)


def test_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(1).random(30)
    assert estimate(values, 200, seed=3) == estimate(values, 200, seed=3)
    assert estimate(values, 200, seed=3) != estimate(values, 200, seed=4)


def test_no_values_have_no_mean() -> None:
    with pytest.raises(UsageError, match="list of values"):
        estimate([])
