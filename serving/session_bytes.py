"""What a session holds in memory. Needs nothing of the service."""

from __future__ import annotations

from ioebss.session import Session

LOGIT_BYTES = 4


def session_bytes(session: Session, network_side: int, clicks: int) -> int:
    """What a session holds, estimated from above, but for the photo as it came.

    Args:
        session: on whichever photo.
        network_side: longer side of the network's input in pixels.
        clicks: in force or undone: each keeps the logits that undo returns to.
    """
    pixels: int = session.height * session.width
    logits = LOGIT_BYTES * network_side * network_side
    # The photo's pyramid is a third of it at most; three views are kept, and two masks.
    return 4 * pixels + 2 * pixels + (9 + clicks) * logits
