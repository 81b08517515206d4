"""The classes of COCO (Lin et al. 2014) that VOC has too, and those it has not: what a model that
was trained on VOC has seen, and what it has not.
"""

from __future__ import annotations

from collections.abc import Sequence

from ioebss.evaluation.protocol import Measurement

SEEN = frozenset(
    (
        "airplane",
        "bicycle",
        "bird",
        "boat",
        "bottle",
        "bus",
        "car",
        "cat",
        "chair",
        "cow",
        "dining table",
        "dog",
        "horse",
        "motorcycle",
        "person",
        "potted plant",
        "sheep",
        "couch",
        "train",
        "tv",
    )
)


def by_familiarity(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """Measurements of the 20 seen and the 60 unseen classes apart; empty where there are not both,
    as in a data set that names no classes, or its own. Objects without a class are in neither."""
    named = [m for m in measurements if m.instance.category]
    parts = {
        "seen classes": [m for m in named if m.instance.category in SEEN],
        "unseen classes": [m for m in named if m.instance.category not in SEEN],
    }
    return parts if all(parts.values()) else {}
