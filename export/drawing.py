"""A picture of a case: the photo with both outlines and the clicks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.result_files import CLICK_COLOURS

LONGEST = 480  # side of a drawn photo, in pixels
REFERENCE_COLOUR, CANDIDATE_COLOUR = (255, 210, 0), (30, 110, 255)  # red, green, blue
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
    height, width = reference.shape
    scale = LONGEST / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(image, size, interpolation=kind)
    masks = [_scaled(mask, size) for mask in (reference, candidate)]
    differs = masks[0] != masks[1]
    mixed = (1 - OTHER_OPACITY) * picture[differs] + OTHER_OPACITY * np.array(OTHER_COLOUR)
    picture[differs] = mixed.astype(np.uint8)
    for mask, colour in zip(masks, (REFERENCE_COLOUR, CANDIDATE_COLOUR), strict=True):
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, 1)
    for click in clicks:
        centre = (int((click.x + 0.5) * scale), int((click.y + 0.5) * scale))
        cv2.circle(picture, centre, 5, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, centre, 4, CLICK_COLOURS[click.label], -1, cv2.LINE_AA)
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded.tobytes()


def _scaled(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    area = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(area > 0.5)
