"""A picture of a case: the photo with both outlines and the clicks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.drawing import (
    MASK_COLOUR,
    REFERENCE_COLOUR,
    blend,
    draw_clicks,
    draw_outline,
    fitted,
)

LONGEST = 480  # side of a drawn photo, in pixels
OTHER_COLOUR = (235, 30, 160)  # of the pixels where the masks differ
OTHER_OPACITY = 0.5
QUALITY = 85


def draw_case(
    image: NDArray[np.uint8],
    reference: NDArray[np.bool_],
    candidate: NDArray[np.bool_],
    clicks: Sequence[Click],
) -> bytes:
    """The photo, its longer side scaled to `LONGEST`, with the outlines of the reference's and of
    the candidate's mask, the pixels where they differ tinted, and the clicks.

    Args:
        image: uint8 (H, W, 3), RGB.
        reference, candidate: bool (H, W).
        clicks: in pixels of the photo.

    Returns:
        A JPEG file.
    """
    picture, masks, scale = fitted(image, (reference, candidate), LONGEST)
    blend(picture, masks[0] != masks[1], OTHER_COLOUR, OTHER_OPACITY)
    for mask, colour in zip(masks, (REFERENCE_COLOUR, MASK_COLOUR), strict=True):
        draw_outline(picture, mask, colour)
    draw_clicks(picture, clicks, scale)
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded.tobytes()
