"""Pictures whose segmentation is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Picture = tuple[NDArray[np.uint8], NDArray[np.bool_]]


@pytest.fixture(scope="session")
def square() -> Callable[..., Picture]:
    """A reddish square of 40x40 pixels on a bluish ground of 80x100, with noise; and its truth."""

    def draw(noise: float = 0.0) -> Picture:
        truth = np.zeros((80, 100), bool)
        truth[20:60, 30:70] = True
        colours = np.where(truth[..., None], (190.0, 80.0, 60.0), (60.0, 90.0, 170.0))
        colours += np.random.default_rng(0).normal(0, noise, colours.shape)
        return np.clip(colours, 0, 255).astype(np.uint8), truth

    return draw
