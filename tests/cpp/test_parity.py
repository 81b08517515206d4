"""C++ against Python with the same ONNX Runtime: the same masks, to the pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import ioebss
from ioebss import BUNDLED, BUNDLED_INT8, ClickError, IoebssError, Segmenter, UsageError
from ioebss.clicks import MAX_CLICKS
from ioebss.windows import Zoom

from .library import BGR, BGRA, CLICK, GREY, MODEL, RGBA, USAGE, CppError, Library
from .library import Session as CppSession
from .photographs import COUNT, photographs

Photo = NDArray[np.uint8]
STATUSES: dict[type[IoebssError], int] = {ClickError: CLICK, UsageError: USAGE}


class Pair:
    """The same session in both languages. Every step must do the same."""

    def __init__(self, python: ioebss.Session, cpp: CppSession) -> None:
        self.python, self.cpp = python, cpp

    def do(self, name: str, *arguments: Any) -> NDArray[np.bool_] | None:
        """Calls a method of both and compares what comes of it, errors too."""
        wrong, expected = None, None
        try:
            expected = getattr(self.python, name)(*arguments)
        except IoebssError as error:
            wrong = STATUSES[type(error)]
        if wrong is not None:
            with pytest.raises(CppError) as caught:
                getattr(self.cpp, name)(*arguments)
            assert caught.value.status == wrong
            return None
        found = getattr(self.cpp, name)(*arguments)
        if expected is not None:
            np.testing.assert_array_equal(found, expected)
        return expected  # type: ignore[no-any-return]

    def compare(self) -> None:
        """What can be seen of the session without changing it."""
        np.testing.assert_array_equal(self.cpp.mask, self.python.mask)
        np.testing.assert_array_equal(self.cpp.view_mask(), self.python.mask)
        # The issue asks for 1e-5; the arithmetic is the same, so are the bits.
        np.testing.assert_array_equal(self.cpp.probability, self.python.probability)


@contextmanager
def no_difference(number: int) -> Iterator[None]:
    """Says which photograph differed."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"photograph {number}: {error}") from error


def clicked(pair: Pair, rng: np.random.Generator) -> None:
    """A session with corrections, undo, redo, clicks after undo, and a start from a mask."""
    height, width = pair.python.height, pair.python.width

    def place() -> tuple[float, float]:
        return float(rng.uniform(0, width)), float(rng.uniform(0, height))

    pair.do("click", width / 2, height / 2)
    pair.do("click", *place(), 0)
    pair.do("click", *place(), 1)
    pair.compare()
    before = pair.do("undo")
    pair.do("undo")
    pair.do("redo")
    pair.do("click", *place(), 1)
    pair.compare()
    pair.do("redo")  # nothing to: an error in both
    pair.do("predict", [(*place(), 1), (*place(), 0), (*place(), 1)])
    pair.do("reset", before)
    pair.compare()
    pair.do("click", *place(), 0)
    pair.compare()
    pair.do("undo")
    pair.do("undo")


@pytest.mark.parametrize("path", [BUNDLED, BUNDLED_INT8], ids=["float32", "int8"])
def test_thirty_photographs(library: Library, samples: Path, path: Path) -> None:
    """Both bundled models."""
    segmenter, model = Segmenter(path, precision="exact", threads=1), library.open(path, threads=1)
    rng = np.random.default_rng(5)
    count = 0
    for number, photo in enumerate(photographs(samples)):
        with no_difference(number):
            clicked(Pair(segmenter.open(photo), model.session(photo)), rng)
        count += 1
    assert count == COUNT


@pytest.mark.parametrize(
    ("python", "cpp"),
    [({"zoom": False}, {"zoom": 0}), ({"flip": True}, {"flip": 1}), ({"size": 256}, {"size": 256})],
    ids=["whole photo", "flip", "size"],
)
def test_options(
    library: Library, samples: Path, python: dict[str, Any], cpp: dict[str, Any]
) -> None:
    segmenter = Segmenter(precision="exact", threads=1, **python)
    model = library.open(BUNDLED, threads=1, **cpp)
    rng = np.random.default_rng(6)
    for number, photo in zip(range(4), photographs(samples), strict=False):
        with no_difference(number):
            clicked(Pair(segmenter.open(photo), model.session(photo)), rng)


KINDS: dict[str, dict[str, Any]] = {
    "five": {"channels": 5},
    "six": {},
    "zooming": {"zoom": Zoom(1.4, 1.15, 8, 0.7), "size_multiple": 4},
    "zooming too": {"zoom": Zoom(2, 1, 30, 1.0), "recommended_sizes": (64,)},
    "detailed": {"zoom": Zoom(1.4, 1.15, 8, 0.7, 0.45, 1), "recommended_sizes": (64,)},
    "without islands": {"zoom": Zoom(1.4, 1.15, 8, 0.7, islands=0.5)},
    "unsure": {"zoom": Zoom(1.4, 1.15, 8, 1.0, unsure=64)},
    "forgetting": {"zoom": Zoom(1.4, 1.15, 8, 0.7, forget=0.05), "size_multiple": 4},
    "all of it": {
        "zoom": Zoom(1.4, 1.15, 8, 0.7, 0.45, 1, islands=0.0, forget=0.1, unsure=64),
        "recommended_sizes": (64,),
    },
    "fixed": {"side": 64},
}
STEPS = ("click", "click", "click", "undo", "redo", "reset", "start", "predict")


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Photo, list[tuple[Any, ...]]]:
    """A photo of any shape, long and thin ones too, and what is done with it."""
    if draw(st.booleans()):
        height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    else:
        height, width = draw(st.sampled_from([(1, 700), (700, 1), (3, 900), (333, 2), (500, 410)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Some people click all over the photo, some on a small part of it, which is zoomed in on.
    middle, spread = rng.uniform(0, 1, 2), rng.choice([0.02, 0.1, 1.0])

    def click() -> tuple[float, float, int]:
        x, y = np.clip(middle + spread * rng.uniform(-1, 1, 2), 0, 0.999) * (width, height)
        return float(x), float(y), int(rng.random() < 0.7)

    steps: list[tuple[Any, ...]] = []
    for name in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=12)):
        mask = rng.random((height, width)) < rng.choice([0.0, 0.01, 0.5])
        steps.append(
            {
                "click": ("click", *click()),
                "reset": ("reset", None),
                "start": ("reset", mask),
                "predict": (
                    "predict",
                    [click() for _ in range(3)],
                    *([mask] * draw(st.booleans())),
                ),
            }.get(name, (name,))
        )
    return rng.integers(0, 256, (height, width, 3), np.uint8), steps


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(KINDS)), sessions())
def test_any_session(
    library: Library,
    models: Callable[[str], tuple[Segmenter, Any]],
    kind: str,
    session: tuple[Photo, list[tuple[Any, ...]]],
) -> None:
    """A graph that answers with discs, so that masks end everywhere and are often empty."""
    segmenter, model = models(kind)
    photo, steps = session
    pair = Pair(segmenter.open(photo), model.session(photo))
    for name, *arguments in steps:
        pair.do(name, *arguments)
        pair.compare()


def test_a_mask_is_forgotten_but_for_one_that_was_given(
    models: Callable[[str], tuple[Segmenter, Any]],
) -> None:
    """The same clicks with a model that forgets and with one that does not."""
    photo = np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    given = np.zeros((90, 90), bool)
    given[20:70, 20:70] = True
    predicted, corrected = [], []
    for kind in ("zooming", "forgetting"):
        segmenter, model = models(kind)
        pair = Pair(segmenter.open(photo), model.session(photo))
        pair.do("click", 45, 45)
        pair.do("click", 49, 48, 0)
        pair.compare()
        predicted.append(pair.python.probability)
        pair.do("reset", given)
        pair.do("click", 22, 45, 0)
        pair.do("click", 48, 45, 0)
        pair.compare()
        corrected.append(pair.python.probability)
    assert not np.array_equal(*predicted)
    np.testing.assert_array_equal(*corrected)


@pytest.fixture
def models(
    library: Library, make_model: Callable[..., Path]
) -> Callable[[str], tuple[Segmenter, Any]]:
    """Loaded in both languages, once each."""
    loaded: dict[str, tuple[Segmenter, Any]] = {}

    def load(kind: str) -> tuple[Segmenter, Any]:
        if kind not in loaded:
            path = make_model(**KINDS[kind])
            loaded[kind] = (
                Segmenter(path, precision="exact", threads=1),
                library.open(path, threads=1),
            )
        return loaded[kind]

    return load


@pytest.mark.parametrize("side", [None, 64], ids=["any size", "fixed"])
def test_a_model_in_memory(
    library: Library, samples: Path, make_model: Callable[..., Path], side: int | None
) -> None:
    path = make_model(side=side) if side else BUNDLED
    onnx, manifest = path.read_bytes(), path.with_suffix(".json").read_bytes()
    model = library.open_memory(onnx, manifest, threads=1)
    segmenter = Segmenter(path, precision="exact", threads=1)
    for _, photo in zip(range(3), photographs(samples), strict=False):
        clicked(Pair(segmenter.open(photo), model.session(photo)), np.random.default_rng(9))
    with pytest.raises(CppError, match="is not the one that its manifest describes") as caught:
        library.open_memory(onnx + b" ", manifest)
    assert caught.value.status == MODEL


def test_a_model_with_weights_outside(
    library: Library, weights_outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights_outside.parent)
    onnx, manifest = (weights_outside.with_suffix(s).read_bytes() for s in (".onnx", ".json"))
    with pytest.raises(CppError, match="the model in memory cannot be loaded") as caught:
        library.open_memory(onnx, manifest)
    assert caught.value.status == MODEL
    with pytest.raises(CppError, match=r"apart\.onnx cannot be loaded") as caught:
        library.open(weights_outside)
    assert caught.value.status == MODEL


@pytest.mark.parametrize("channels", [BGR, RGBA, BGRA, GREY])
def test_orders_of_channels_and_gaps_between_rows(
    library: Library, samples: Path, channels: int
) -> None:
    photo = next(photographs(samples))
    if channels == GREY:
        photo = np.repeat(photo[:, :, 1:2], 3, axis=2)
        same = photo[:, :, 0]
    else:
        order = [2, 1, 0] if channels in (BGR, BGRA) else [0, 1, 2]
        opaque = [photo[:, :, i] for i in order] + [np.full(photo.shape[:2], 9, np.uint8)]
        same = np.stack(opaque if channels in (RGBA, BGRA) else opaque[:3], axis=2)
    room = np.full((same.shape[0], same.shape[1] + 5, *same.shape[2:]), 200, np.uint8)
    room[:, : same.shape[1]] = same
    expected = Segmenter(precision="exact", threads=1).open(photo).click(60, 50)
    session = library.open(BUNDLED, threads=1).session(room[:, : same.shape[1]], channels)
    np.testing.assert_array_equal(session.click(60, 50), expected)


def test_a_session_that_is_full(library: Library, make_model: Callable[..., Path]) -> None:
    photo, path = np.zeros((16, 16, 3), np.uint8), make_model(recommended_sizes=(16,))
    python = Segmenter(path, precision="exact", threads=1).open(photo)
    cpp = library.open(path, threads=1).session(photo)
    python.click(3, 4)
    python._steps *= MAX_CLICKS
    for _ in range(MAX_CLICKS):
        cpp.click(3, 4)
    with pytest.raises(ClickError, match="1000 clicks are set already; reset") as said:
        python.click(3, 4)
    with pytest.raises(CppError) as caught:
        cpp.click(3, 4)
    assert (caught.value.status, str(caught.value)) == (CLICK, str(said.value))
