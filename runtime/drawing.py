"""What all pictures of masks are drawn with: one palette, clicks and outlines alike everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click

Colour = tuple[int, int, int]  # red, green, blue
MASK_COLOUR: Colour = (30, 144, 255)  # of what is shown
REFERENCE_COLOUR: Colour = (255, 210, 0)  # of what it is compared with: the truth, for example
CLICK_COLOURS: dict[int, Colour] = {FOREGROUND: (46, 204, 64), BACKGROUND: (255, 65, 54)}
RIM: Colour = (255, 255, 255)


def draw_clicks(
    picture: NDArray[np.uint8], clicks: Sequence[Click], scale: float = 1.0, unit: int = 1
) -> None:
    """Draws a dot per click, in place: green on the object, red off it, with a white rim.

    Args:
        picture: uint8 (H, W, 3), RGB.
        clicks: in pixels of the photo.
        scale: of the picture to the photo.
        unit: a fifth of a dot's radius, in pixels of the picture.
    """
    for click in clicks:
        centre = (int((click.x + 0.5) * scale), int((click.y + 0.5) * scale))
        cv2.circle(picture, centre, 5 * unit, RIM, -1, cv2.LINE_AA)
        cv2.circle(picture, centre, 4 * unit, CLICK_COLOURS[click.label], -1, cv2.LINE_AA)


def draw_outline(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Colour, width: int = 1
) -> None:
    """Draws the outlines of a mask, its holes' too, in place.

    Args:
        picture: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        width: in pixels.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, width)


def blend(
    picture: NDArray[np.uint8], where: NDArray[np.bool_], colour: Colour, opacity: float
) -> None:
    """Tints pixels of a picture, in place.

    Args:
        picture: uint8 (H, W, 3), RGB.
        where: bool (H, W).
        opacity: of the colour, 0..1.
    """
    levels = np.arange(256)
    for channel, value in enumerate(colour):  # by table: large photos need no copies
        tinted = np.rint(levels * (1 - opacity) + value * opacity).astype(np.uint8)
        plane = picture[..., channel]
        np.copyto(plane, tinted[plane], where=where)


def fitted(
    image: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_]], side: int
) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]], float]:
    """A photo and its masks scaled so that the longer side is `side` pixels.

    Args:
        image: uint8 (H, W, 3).
        masks: bool (H, W) each.

    Returns:
        The photo, a copy; the masks; and the scale.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    areas = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) for m in masks]
    picture = np.array(cv2.resize(image, size, interpolation=kind), np.uint8)
    return picture, [np.asarray(area > 0.5) for area in areas], scale
