"""Label Studio's run-length encoding of brush masks.

The format is that of rle-pack (thi.ng/umbrella), as Label Studio's converter reads it: the mask
four times a pixel, as an RGBA picture, in words of one byte. A bit stream, high bits first: the
number of words (32 bits), the word size less one (5), four sizes of run lengths less one (4 each);
then blocks: one bit, whether it is a run; two, which size its length has; the length less one; and
the word that is repeated, or as many words as the length says. The last byte is filled up with
zeros. Label Studio wants the bytes as a list of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import UsageError
from ioebss.image_files import MAX_PIXELS

CHANNELS = 4
WORD_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)  # what Label Studio's own encoder uses
LONGEST = 1 << LENGTH_BITS[-1]
MAX_BYTES = 1024 * 1024  # of a brush to decode: many times what a ragged one takes
SET = 255
THRESHOLD = 127  # words above it are set: brushes have soft edges


def encode(mask: NDArray[np.bool_]) -> list[int]:
    """The brush RLE of a mask.

    Args:
        mask: bool (H, W).

    Returns:
        Bytes, 0..255.
    """
    lengths, values = _runs(mask.ravel())
    sizes = np.searchsorted([1 << bits for bits in LENGTH_BITS], lengths)
    length_bits = np.asarray(LENGTH_BITS)[sizes]
    # A block of at most 27 bits as one number: run, size, length, word.
    blocks = ((4 + sizes) << length_bits) + lengths - 1
    blocks = (blocks << WORD_BITS) + values * SET
    header = [(CHANNELS * mask.size, 32), (WORD_BITS - 1, 5)]
    header += [(bits - 1, 4) for bits in LENGTH_BITS]
    bits = [_bits(np.array([value]), np.array([width])) for value, width in header]
    bits.append(_bits(blocks, 3 + length_bits + WORD_BITS))
    packed: list[int] = np.packbits(np.concatenate(bits)).tolist()
    return packed


def _runs(flat: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths in words, at most `LONGEST`, and values 0 or 1."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0], edges])
    words = CHANNELS * np.diff(starts, append=flat.size)
    pieces = -(-words // LONGEST)
    lengths = np.full(pieces.sum(), LONGEST)
    lengths[np.cumsum(pieces) - 1] = words - (pieces - 1) * LONGEST
    return lengths, np.repeat(flat[starts].astype(np.int64), pieces)


def _bits(numbers: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The low bits of each number, high bits first, one after the other."""
    places = np.arange(32)[::-1]
    bits = (numbers[:, None] >> places) & 1
    return bits[places < widths[:, None]].astype(bool)


def decode(rle: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask of a brush RLE, whoever wrote it.

    Args:
        rle: bytes, 0..255.
        height, width: of the mask in pixels.

    Returns:
        bool (height, width): where the alpha channel is above `THRESHOLD`.

    Raises:
        UsageError: it is no brush RLE, or of another size.
    """
    words = CHANNELS * height * width
    if words > CHANNELS * MAX_PIXELS:
        raise UsageError(f"a brush mask of {width}x{height} is more than {MAX_PIXELS} pixels")
    if len(rle) > MAX_BYTES:
        raise UsageError(f"the brush has more than {MAX_BYTES} bytes; smooth it")
    try:
        packed = np.asarray(rle, np.uint8)
        if packed.ndim != 1 or list(rle) != packed.tolist():
            raise ValueError
        alpha = _alpha(_Bits(packed.tobytes()), words)
    except (ValueError, TypeError, OverflowError):
        raise UsageError(f"this is not the brush RLE of a mask of {width}x{height}") from None
    return (alpha > THRESHOLD).reshape(height, width)


class _Bits:
    """Reads numbers from bytes, bit by bit."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def read(self, width: int) -> int:
        first, end = self._place // 8, -(-(self._place + width) // 8)
        if end > len(self._data):
            raise ValueError("the bits end too early")
        chunk = int.from_bytes(self._data[first:end], "big")
        self._place += width
        return chunk >> (8 * end - self._place) & ((1 << width) - 1)

    def words(self, count: int) -> NDArray[np.uint8]:
        """As many words, one after the other."""
        first, end = self._place // 8, -(-(self._place + count * WORD_BITS) // 8)
        if end > len(self._data):
            raise ValueError("the bits end too early")
        bits = np.unpackbits(np.frombuffer(self._data[first:end], np.uint8))
        skipped = self._place - 8 * first
        self._place += count * WORD_BITS
        return np.packbits(bits[skipped : skipped + count * WORD_BITS])


def _alpha(bits: _Bits, expected: int) -> NDArray[np.uint8]:
    if bits.read(32) != expected:
        raise ValueError("another size")
    if bits.read(5) + 1 != WORD_BITS:
        raise ValueError("words of another size, which Label Studio does not write")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values = np.empty(expected, np.uint8)
    place = 0
    for length, content in _blocks(bits, sizes, expected):
        values[place : place + length] = content
        place += length
    return values[CHANNELS - 1 :: CHANNELS]


def _blocks(
    bits: _Bits, sizes: list[int], expected: int
) -> Iterator[tuple[int, int | NDArray[np.uint8]]]:
    place = 0
    while place < expected:
        head = bits.read(3)
        length = bits.read(sizes[head & 3]) + 1
        place += length
        if place > expected:
            raise ValueError("more words than were announced")
        yield length, bits.read(WORD_BITS) if head & 4 else bits.words(length)
