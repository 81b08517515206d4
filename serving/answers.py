"""Sessions and masks as the JSON that `ioebss.serving.schemas` describes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ioebss.clicks import Click
from ioebss.rle import box
from ioebss.serving.masks import Format, encode_mask
from ioebss.serving.sessions import Entry, Snapshot


@dataclass(frozen=True)
class Change:
    """A session after a change, and the milliseconds that its stages took."""

    snapshot: Snapshot
    queue: float
    input: float
    network: float
    mask: float


def state(entry: Entry, snapshot: Snapshot) -> dict[str, Any]:
    """See `schemas.State`."""
    return {
        "id": entry.id,
        **_size_and_clicks(snapshot),
        "can_undo": bool(snapshot.clicks),
        "can_redo": bool(snapshot.undone),
        "undone": _listed(snapshot.undone),
        "started": bool(snapshot.start),
    }


def answer(change: Change, backend: str, kind: Format) -> dict[str, Any]:
    """See `schemas.Answer`. Encodes the mask."""
    mask = change.snapshot.mask
    stages = ("queue", "input", "network", "mask")
    result = {
        **_size_and_clicks(change.snapshot),
        "area": int(mask.sum()),
        "bbox": box(mask),
        "milliseconds": {stage: round(getattr(change, stage), 2) for stage in stages},
        "backend": backend,
    }
    encoded = encode_mask(mask, kind)
    return result if encoded is None else result | {"mask": encoded}


def _size_and_clicks(snapshot: Snapshot) -> dict[str, Any]:
    height, width = snapshot.mask.shape
    return {"width": width, "height": height, "clicks": _listed(snapshot.clicks)}


def _listed(clicks: Iterable[Click]) -> list[dict[str, int]]:
    return [{"x": click.x, "y": click.y, "label": click.label} for click in clicks]
