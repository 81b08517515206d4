"""Label Studio's brush RLE, against a stream worked out by hand and against its own converter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ioebss.errors import UsageError
from ioebss.serving.brush_rle import decode, encode

CONVERTER = """
import importlib.util, json, sys
from importlib.metadata import files
place = next(f for f in files("label-studio-sdk") if str(f).endswith("converter/brush.py"))
spec = importlib.util.spec_from_file_location("brush", place.locate())
brush = importlib.util.module_from_spec(spec)
spec.loader.exec_module(brush)
import numpy as np
request = json.load(sys.stdin)
if request["do"] == "decode":
    words = brush.decode_rle(request["rle"])
    print(json.dumps(words.tolist()))
else:
    print(json.dumps(brush.mask2rle(np.array(request["mask"], np.uint8) * 255)))
"""
Mask = NDArray[np.bool_]
MASKS = arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20)))


def test_worked_by_hand() -> None:
    """One row of three pixels, the middle one set: 12 words, three runs of four."""
    bits = f"{12:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    for value in (0, 255, 0):
        bits += "1" + "00" + f"{4 - 1:03b}" + f"{value:08b}"
    bits += "0" * (-len(bits) % 8)
    expected = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert encode(np.array([[False, True, False]])) == expected


@given(MASKS)
@example(np.ones((300, 300), bool))  # more words than the longest run
@example(np.ones((128, 128), bool))  # exactly as many
@example(np.zeros((1, 1), bool))
def test_what_is_encoded_is_decoded(mask: Mask) -> None:
    np.testing.assert_array_equal(decode(encode(mask), *mask.shape), mask)


def test_words_that_are_not_runs_are_read() -> None:
    """Two pixels, words as they are, of a soft brush: only alpha counts, from 128 on."""
    words = [0, 0, 0, 127, 9, 9, 9, 128]
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "0" + "00" + f"{8 - 1:03b}" + "".join(f"{word:08b}" for word in words)
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert decode(rle, 1, 2).tolist() == [[False, True]]


@given(st.data(), st.binary(min_size=28, max_size=28))
def test_words_and_runs_in_turn(data: st.DataObject, words: bytes) -> None:
    """Seven pixels in blocks of any size, words as they are or runs, against a reading by hand."""
    bits, alpha = f"{28:032b}" + "00111" + "0000" + "0001" + "0010" + "0011", b""
    while len(alpha) < 28:
        run, size = data.draw(st.booleans()), data.draw(st.integers(0, 3))
        length = data.draw(st.integers(1, min(1 << (size + 1), 28 - len(alpha))))
        block = words[len(alpha) :][: 1 if run else length]
        bits += f"{run:b}{size:02b}{length - 1:0{size + 1}b}"
        bits += "".join(f"{word:08b}" for word in block)
        alpha += block * length if run else block
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert decode(rle, 1, 7).tolist() == [[value > 127 for value in alpha[3::4]]]


def test_what_would_take_long_is_refused() -> None:
    """More bytes than a brush has, and words of one bit, which would be more blocks in as many."""
    with pytest.raises(UsageError, match="more than 1048576 bytes"):
        decode([0] * (1024 * 1024 + 1), 100, 100)
    bits = f"{4:032b}" + "00000" + "0000" * 4 + "10111" + "0" * 6
    rle = [int(bits[i : i + 8], 2) for i in range(0, 64, 8)]
    with pytest.raises(UsageError, match="not the brush RLE"):
        decode(rle, 1, 1)


@given(st.lists(st.integers(-1, 256) | st.none() | st.floats(), max_size=40))
def test_anything_else_is_refused(rle: list[int]) -> None:
    with pytest.raises(UsageError, match="not the brush RLE of a mask of 7x5"):
        decode(rle, 5, 7)


def test_damaged_streams_are_refused() -> None:
    rle = encode(np.eye(5, 7, dtype=bool))
    for damaged in (rle[:-2], rle[:6], []):
        with pytest.raises(UsageError, match="not the brush RLE"):
            decode(damaged, 5, 7)
    with pytest.raises(UsageError, match="not the brush RLE"):
        decode(rle, 5, 8)
    with pytest.raises(UsageError, match="more than"):
        decode(rle, 100_000, 100_000)


@pytest.mark.annotation_tools
def test_label_studios_converter_reads_ours_and_we_read_its(
    samples: Path, tools_python: Callable[[str, object], list[int]]
) -> None:
    from ioebss import Segmenter

    session = Segmenter().open(samples / "chelsea.jpg")
    soft = np.zeros((300, 400), bool)
    soft[10:200, 50:390] = np.random.default_rng(0).random((190, 340)) < 0.5
    for mask in (session.click(230, 110), soft, ~soft, np.ones((200, 300), bool)):
        words = np.array(tools_python(CONVERTER, {"do": "decode", "rle": encode(mask)}))
        expected = np.repeat(mask.ravel(), 4) * 255
        np.testing.assert_array_equal(words, expected)
        theirs = tools_python(CONVERTER, {"do": "encode", "mask": mask.astype(int).tolist()})
        np.testing.assert_array_equal(decode(theirs, *mask.shape), mask)
