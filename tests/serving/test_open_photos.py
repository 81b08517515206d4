from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ioebss import Segmenter
from ioebss.clicks import Click
from ioebss.image_files import read_photo
from ioebss.serving.open_photos import OpenPhotos, advance

PHOTO = np.full((40, 60, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(size=128)


def test_the_least_recently_used_goes_first(segmenter: Segmenter) -> None:
    opened: list[str] = []

    def use(photos: OpenPhotos, key: str) -> None:
        def read() -> NDArray[np.uint8]:
            opened.append(key)
            return PHOTO

        photos.session(key, read)

    photos = OpenPhotos(segmenter, 2, 10**9)
    for key in "abacab":
        use(photos, key)
    assert opened == ["a", "b", "c", "b"]
    assert "a" in photos and "b" in photos and "c" not in photos


def test_they_are_bounded_by_what_they_hold(segmenter: Segmenter) -> None:
    """Room for two without clicks; the logits of a click are 64 KiB at 128 x 128 pixels."""
    each = 6 * PHOTO.shape[0] * PHOTO.shape[1] + 9 * 4 * 128 * 128
    for room, kept in ((2 * each, True), (2 * each - 1, False)):
        photos = OpenPhotos(segmenter, 10, room)
        photos.session("a", lambda: PHOTO)
        photos.session("b", lambda: PHOTO)
        assert ("a" in photos) is kept and "b" in photos
    photos = OpenPhotos(segmenter, 10, 2 * each + 4 * 128 * 128)
    first = photos.session("a", lambda: PHOTO)
    first.click(1, 1)
    first.undo()
    photos.session("b", lambda: PHOTO)
    assert "a" in photos
    first.click(1, 1)
    first.click(2, 1)
    photos.session("b", lambda: PHOTO)
    assert "a" not in photos


CLICKS = st.lists(
    st.builds(Click, st.integers(0, 450), st.integers(0, 299), st.integers(0, 1)), max_size=3
)


@settings(max_examples=12)
@given(st.lists(CLICKS.map(lambda clicks: [Click(230, 110), *clicks]), min_size=2, max_size=3))
def test_the_same_as_from_the_beginning(
    segmenter: Segmenter, samples: Path, rounds: list[list[Click]]
) -> None:
    photo = read_photo(samples / "chelsea.jpg")
    session = segmenter.open(photo)
    for clicks in rounds:
        fresh = segmenter.open(photo)
        for click in clicks:
            expected = fresh.click(click.x, click.y, click.label)
        np.testing.assert_array_equal(advance(session, clicks), expected)
        assert list(session.clicks) == clicks


def test_a_mask_that_it_started_from_is_forgotten(segmenter: Segmenter, samples: Path) -> None:
    photo = read_photo(samples / "chelsea.jpg")
    session = segmenter.open(photo)
    session.reset(np.ones(photo.shape[:2], bool))
    session.click(230, 110)
    found = advance(session, [Click(230, 110)])
    np.testing.assert_array_equal(found, segmenter.open(photo).click(230, 110))
