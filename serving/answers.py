"""Sessions and masks as the JSON that `ioebss.serving.schemas` describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ioebss.clicks import as_table
from ioebss.rle import box
from ioebss.serving.masks import Format, encode_mask
from ioebss.serving.sessions import Entry, Snapshot

STAGES = ("queue", "input", "network", "mask")  # of a change


@dataclass(frozen=True)
class Change:
    """A session after a change, and the milliseconds that each of `STAGES` took."""

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
        "undone": as_table(snapshot.undone),
        "started": bool(snapshot.start),
    }


def answer(change: Change, backend: str, kind: Format) -> dict[str, Any]:
    """See `schemas.Answer`. Encodes the mask."""
    mask = change.snapshot.mask
    result = {
        **_size_and_clicks(change.snapshot),
        "area": int(mask.sum()),
        "bbox": box(mask),
        "milliseconds": {stage: round(getattr(change, stage), 2) for stage in STAGES},
        "backend": backend,
    }
    encoded = encode_mask(mask, kind)
    return result if encoded is None else result | {"mask": encoded}


def _size_and_clicks(snapshot: Snapshot) -> dict[str, Any]:
    height, width = snapshot.mask.shape
    return {"width": width, "height": height, "clicks": as_table(snapshot.clicks)}
