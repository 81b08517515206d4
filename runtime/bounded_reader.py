"""A picture's file that costs its decoder no more work and memory than its size allows.

Formats made of blocks can be filled with millions of empty ones, each a step of Pillow's own,
before and behind the pixels: 64 MiB of empty PNG chunks or JPEG segments take more than a minute.
Entries of a TIFF's directory may all hold the same bytes, of which older Pillows make copies.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import ImageFile

from ioebss.errors import ImageError

MAX_BYTES = 1024**3  # of a file: 120 megapixels of 16-bit RGBA, not compressed, and some room
MAX_HEADER_READS = 20_000  # before the pixels; cameras and editors need some hundreds
LEAST_PIECE = 256  # bytes a read on average, in the pixels
ROW_READS = 4  # besides: some encoders end a chunk with each row, however little is in it
MAX_ROWS = 65_535  # that count so
# In those of a BMP in runs, of which Pillow reads every byte by itself: some seconds at most.
MAX_RUN_READS = 2 * 1024 * 1024
MAX_PASSES = 4  # over all bytes: decoders look at headers and metadata more than once
_ROOM = 1024 * 1024


class BoundedReader(io.BufferedReader):
    """A file to read from the beginning.

    Args:
        source: path of a regular file, or its bytes.
        name: for messages.

    Raises:
        ImageError: it has more than `MAX_BYTES` bytes; reading raises it when it costs too much.
        OSError: it cannot be opened.
    """

    def __init__(self, source: Path | bytes, name: str) -> None:
        super().__init__(io.FileIO(source) if isinstance(source, Path) else io.BytesIO(source))
        self._name = name
        self._size = self.seek(0, os.SEEK_END)
        self.seek(0)
        self._reads, self._bytes = MAX_HEADER_READS, MAX_PASSES * self._size + _ROOM
        if self._size > MAX_BYTES:
            self.close()
            raise ImageError(f"{name} is larger than {MAX_BYTES} bytes; save the picture alone")

    def read(self, size: int | None = -1, /) -> bytes:
        """See `io.BufferedReader`."""
        data = super().read(size)
        self._reads -= 1
        self._bytes -= len(data)
        if min(self._reads, self._bytes) < 0:
            raise ImageError(f"{self._name} is made of far too many pieces; save it again")
        return data

    def expect_pixels(self, image: ImageFile.ImageFile) -> None:
        """Allows the reads that the pixels take, once the header is read.

        Args:
            image: opened from this file, and not yet decoded.
        """
        tiles = image.tile
        if tiles and tiles[0][0] == "bmp_rle":
            self._reads += min(self._size, MAX_RUN_READS)
        else:
            rows = min(image.height, MAX_ROWS)
            self._reads += self._size // LEAST_PIECE + ROW_READS * rows
        if len(tiles) > 1:
            # For each strip of a TIFF older Pillows read a whole block, however short the strip is.
            image.decodermaxblock = min(image.decodermaxblock, self._size // len(tiles) + 1)
