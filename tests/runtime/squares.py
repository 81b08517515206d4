"""Sessions with a network whose answers are known, for tests of what it is asked and shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ioebss import Segmenter, Session


class Squares:
    """A backend that sees a square in the middle of all that it is shown, half as long and wide.

    Args:
        logits: of the square, one look after the other; the last for all after it.

    Attributes:
        previous: the previous masks that it was shown, float32 (H, W), one for each look.
    """

    name = "squares"

    def __init__(self, *logits: float) -> None:
        self._logits = logits
        self.previous: list[np.ndarray] = []

    @property
    def looks(self) -> int:
        """How often it was asked."""
        return len(self.previous)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        height, width = inputs.shape[2:]
        answer = np.full((len(inputs), 1, height, width), -5, np.float32)
        inner = (..., slice(height // 4, -height // 4), slice(width // 4, -width // 4))
        answer[inner] = self._logits[min(self.looks, len(self._logits) - 1)]
        self.previous.append(inputs[0, 5].copy())
        return answer


def session_with_squares(
    model: Path, *logits: float, shape: tuple[int, int] = (400, 400)
) -> tuple[Session, Squares]:
    """A session on a black photo of that shape, and its backend. Of the model the manifest counts;
    it has six channels."""
    segmenter = Segmenter(model)
    backend = segmenter._backend = Squares(*logits)
    return segmenter.open(np.zeros((*shape, 3), np.uint8)), backend
