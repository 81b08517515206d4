"""The kernels' host build against the NumPy reference, bit for bit."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ioebss import kernels
from ioebss.clicks import Click
from ioebss.enlargement import logits_to_mask
from ioebss.errors import BackendError
from ioebss.kernels import build
from ioebss.kernels.look import LOGITS, MASK, NOTHING, Box, Look
from ioebss.obedience import obey
from ioebss.planes import rasterise
from ioebss.pyramid import _halved
from ioebss.resampling import mask_to_network, moved, photo_to_network, sigmoid
from ioebss.windows import Window

from .conftest import compile_host

Array = np.ndarray[Any, Any]
logit_values = st.floats(-20, 20, width=32)


def address(array: Array) -> int:
    assert array.flags.c_contiguous
    return array.ctypes.data


def run(library: ctypes.CDLL, name: str, look: Look) -> None:
    getattr(library, name)(ctypes.byref(look))


def look_at(inputs: Array, **fields: Any) -> Look:
    """A look whose input is `inputs`, float32 (channels, height, width)."""
    channels, height, width = inputs.shape
    return Look(
        input=address(inputs), channels=channels, height=height, width=width, radius=5, **fields
    )


def noise(height: int, width: int) -> Array:
    return np.random.default_rng(height * 1009 + width).integers(0, 256, (height, width, 3), "u1")


def cells_of(clicks: list[Click]) -> Array:
    return np.array([(c.x, c.y, c.label) for c in clicks], np.int32).reshape(-1, 3)


def spans(limit: int) -> st.SearchStrategy[tuple[int, int]]:
    pair = st.tuples(st.integers(0, limit - 1), st.integers(1, limit))
    return pair.map(lambda p: (min(p), max(p[1], min(p) + 1, p[0])) if p[0] != p[1] else (0, limit))


@st.composite
def windows(draw: st.DrawFn, limit: int = 60) -> Window:
    (x0, x1), (y0, y1) = draw(spans(limit)), draw(spans(limit))
    return Window(x0, y0, x1, y1)


def clicks_on(height: int, width: int, most: int = 8) -> st.SearchStrategy[list[Click]]:
    click = st.builds(
        Click, st.integers(0, width - 1), st.integers(0, height - 1), st.integers(0, 1)
    )
    return st.lists(click, max_size=most)


def test_python_and_c_agree_on_the_parameters(tmp_path: Path) -> None:
    fields = [name for name, *_ in Look._fields_]
    lines = "\n".join(f'  std::printf("%zu\\n", offsetof(ioebss::Look, {f}));' for f in fields)
    (tmp_path / "layout.cpp").write_text(
        '#include <cstddef>\n#include <cstdio>\n#include "look.h"\n'
        f'int main() {{\n{lines}\n  std::printf("%zu\\n", sizeof(ioebss::Look));\n}}\n'
    )
    compile_host(tmp_path / "layout.cpp", tmp_path / "layout")
    printed = subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True)
    expected = [getattr(Look, f).offset for f in fields] + [ctypes.sizeof(Look)]
    assert list(map(int, printed.stdout.split())) == expected


@settings(max_examples=150)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.integers(1, 40), st.data())
def test_colours(
    host_kernels: ctypes.CDLL, height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    photo = noise(height, width)
    (x0, x1), (y0, y1) = data.draw(spans(width)), data.draw(spans(height))
    inputs = np.full((5, rows, columns), 7, np.float32)
    look = look_at(
        inputs,
        photo=address(photo),
        photo_pitch=width,
        region=Box(x0, y0, x1, y1),
        repaint=1,
    )
    run(host_kernels, "photo_to_planes", look)
    np.testing.assert_array_equal(inputs[:3], photo_to_network(photo[y0:y1, x0:x1], rows, columns))
    assert (inputs[3:] == 7).all()


def test_colours_stay_when_the_window_does(host_kernels: ctypes.CDLL) -> None:
    inputs = np.full((5, 4, 4), 7, np.float32)
    run(host_kernels, "photo_to_planes", look_at(inputs, repaint=0))
    assert (inputs == 7).all()


@given(st.integers(1, 40), st.integers(1, 40))
def test_halving(host_kernels: ctypes.CDLL, height: int, width: int) -> None:
    photo = noise(height, width)
    half = np.zeros(((height + 1) // 2, (width + 1) // 2, 3), np.uint8)
    look = Look(
        photo=address(photo),
        photo_pitch=width,
        halved=address(half),
        level_height=height,
        level_width=width,
    )
    run(host_kernels, "halve", look)
    np.testing.assert_array_equal(half, _halved(photo))


@settings(max_examples=100)
@given(st.integers(1, 24), st.integers(1, 24), st.data())
def test_discs_are_drawn_and_erased(
    host_kernels: ctypes.CDLL, height: int, width: int, data: st.DataObject
) -> None:
    """Drawn one after the other, some taken back: as if those that are left had been drawn."""
    inputs = np.full((6, height, width), 7, np.float32)
    before, after = data.draw(clicks_on(height, width)), data.draw(clicks_on(height, width))
    kept = before[: data.draw(st.integers(0, len(before)))]
    first, second, gone = cells_of(before), cells_of(kept + after), cells_of(before[len(kept) :])
    look = look_at(inputs, clear=1, cells=address(first), cell_count=len(first))
    for name in ("clear_planes", "erase_discs", "draw_discs"):
        run(host_kernels, name, look)
    np.testing.assert_array_equal(inputs[3:5], rasterise(before, height, width))
    look = look_at(
        inputs,
        cells=address(second),
        cell_count=len(second),
        first_drawn=0 if len(gone) else len(kept),
        erased_cells=address(gone),
        erased_count=len(gone),
    )
    for name in ("clear_planes", "erase_discs", "draw_discs"):
        run(host_kernels, name, look)
    np.testing.assert_array_equal(inputs[3:5], rasterise(kept + after, height, width))
    assert (inputs[:3] == 7).all() and (inputs[5] == 7).all()


logit_maps = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=logit_values
)


@settings(max_examples=200)
@given(logit_maps, windows(), windows(), st.integers(1, 24), st.integers(1, 24))
def test_the_previous_prediction_moves(
    host_kernels: ctypes.CDLL, logits: Array, last: Window, window: Window, rows: int, columns: int
) -> None:
    inputs = np.full((6, rows, columns), 7, np.float32)
    look = look_at(
        inputs,
        window=Box.of(window),
        previous=LOGITS,
        last_height=logits.shape[0],
        last_width=logits.shape[1],
        last_window=Box.of(last),
        last_logits=address(logits),
    )
    if last == window:
        return
    run(host_kernels, "fill_previous", look)
    expected = moved(sigmoid(logits), last, window, rows, columns)
    np.testing.assert_array_equal(inputs[5], expected)
    assert (inputs[:5] == 7).all()


def test_the_previous_prediction_of_the_same_window(host_kernels: ctypes.CDLL) -> None:
    """Every kind of number, to the bit."""
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 87.5, -87.5, 1e-40, 3e38]
    spread = np.linspace(-100, 100, 99_991)
    logits = np.concatenate([special, spread]).astype(np.float32).reshape(1000, 100)
    inputs = np.zeros((6, 1000, 100), np.float32)
    box = Box(3, 4, 60, 70)
    look = look_at(
        inputs, window=box, last_window=box, previous=LOGITS, last_logits=address(logits)
    )
    run(host_kernels, "fill_previous", look)
    np.testing.assert_array_equal(inputs[5], sigmoid(logits))


@settings(max_examples=100)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 20), st.integers(1, 20), st.data())
def test_a_mask_to_start_from(
    host_kernels: ctypes.CDLL, height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    """Windows reach over the lower and right border."""
    mask = np.random.default_rng(height * 51 + width).random((height, width)) > 0.5
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1 = data.draw(st.integers(x0 + 1, width + 9))
    y1 = data.draw(st.integers(y0 + 1, height + 9))
    inputs = np.full((6, rows, columns), 7, np.float32)
    look = look_at(
        inputs,
        window=Box(x0, y0, x1, y1),
        previous=MASK,
        start_mask=address(mask.view(np.uint8)),
        photo_height=height,
        photo_width=width,
    )
    run(host_kernels, "fill_previous", look)
    part = mask[y0:y1, x0:x1]
    over = ((0, y1 - y0 - part.shape[0]), (0, x1 - x0 - part.shape[1]))
    np.testing.assert_array_equal(inputs[5], mask_to_network(np.pad(part, over), rows, columns))


def test_nothing_before_the_first_click(host_kernels: ctypes.CDLL) -> None:
    inputs = np.full((6, 3, 4), 7, np.float32)
    run(host_kernels, "fill_previous", look_at(inputs, previous=NOTHING))
    assert (inputs[5] == 0).all() and (inputs[:5] == 7).all()


def test_a_model_without_a_previous_mask_is_left_alone(host_kernels: ctypes.CDLL) -> None:
    inputs = np.full((5, 3, 4), 7, np.float32)
    run(host_kernels, "fill_previous", look_at(inputs, previous=NOTHING))
    assert (inputs == 7).all()


@settings(max_examples=150)
@given(st.integers(1, 16), st.integers(1, 16), st.data())
def test_clicks_are_obeyed(
    host_kernels: ctypes.CDLL, height: int, width: int, data: st.DataObject
) -> None:
    logits = data.draw(hnp.arrays(np.float32, (height, width), elements=st.floats(-3, 3, width=32)))
    clicks = data.draw(clicks_on(height, width))
    expected = logits.copy()
    obey(expected, clicks)
    cells = cells_of(clicks)
    look = Look(
        logits=address(logits),
        height=height,
        width=width,
        cells=address(cells),
        cell_count=len(cells),
    )
    run(host_kernels, "obey", look)
    np.testing.assert_array_equal(logits, expected)


@settings(max_examples=200)
@given(logit_maps, st.integers(1, 60), st.integers(1, 60), st.data())
def test_masks(
    host_kernels: ctypes.CDLL, logits: Array, height: int, width: int, data: st.DataObject
) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = Window(
        x0,
        y0,
        data.draw(st.integers(x0 + 1, width + 9)),
        data.draw(st.integers(y0 + 1, height + 9)),
    )
    mask = np.full((height, width), 9, np.uint8)
    places = np.zeros((2, max(height, width), 2), np.int32)
    look = Look(
        logits=address(logits),
        height=logits.shape[0],
        width=logits.shape[1],
        window=Box.of(window),
        mask=address(mask),
        rows=address(places[0]),
        columns=address(places[1]),
        photo_height=height,
        photo_width=width,
    )
    run(host_kernels, "place_mask", look)
    run(host_kernels, "logits_to_mask", look)
    np.testing.assert_array_equal(mask, logits_to_mask(logits, window, height, width))


def test_every_kernel_is_there(host_kernels: ctypes.CDLL) -> None:
    for name in kernels.NAMES:
        assert getattr(host_kernels, name)


def test_the_fatbin_was_made_from_these_sources() -> None:
    assert kernels.record()["sources"] == build.sources_digest(), (
        "kernels changed: run python -m ioebss.kernels.build and commit what it writes"
    )
    assert hashlib.sha256(kernels.fatbin()).hexdigest() == kernels.record()["sha256"]
    assert kernels.record()["images"] == [*(f"sm_{m}" for m in build.MACHINES), "compute_100"]


def test_compiling_again_gives_the_same_fatbin() -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc here")
    if build.nvcc_version(nvcc) != kernels.record()["nvcc"]:
        pytest.skip(f"nvcc is {build.nvcc_version(nvcc)}, the fatbin's {kernels.record()['nvcc']}")
    assert build.compile_kernels(nvcc) == kernels.fatbin()


def test_a_damaged_fatbin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "kernels.fatbin"
    damaged.write_bytes(kernels.FATBIN.read_bytes()[:-1])
    monkeypatch.setattr(kernels, "FATBIN", damaged)
    with pytest.raises(BackendError, match="install ioebss again"):
        kernels.fatbin()
    monkeypatch.setattr(kernels, "FATBIN", tmp_path / "none")
    with pytest.raises(BackendError, match="cannot be read"):
        kernels.fatbin()
