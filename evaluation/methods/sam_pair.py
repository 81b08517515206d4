"""Encoder and decoder pairs of the SAM family (Kirillov et al. 2023), as their exporters write
them: MobileSAM, EfficientViT-SAM and the like. Two ONNX files that the user gives.

The encoder sees the photo once, its longer side scaled to the input's; the decoder is asked at
every click, with all clicks so far and its own last mask. What is exported differs, so it is read
from the graphs: the order of the axes, the size, whether pixels are normalised inside, which of the
decoder's inputs and outputs there are. Of several masks one is taken, as SAM does it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click, make_click
from ioebss.errors import ClickError
from ioebss.evaluation.methods.sam_graphs import Decoder, Encoder, enlarged
from ioebss.evaluation.methods.timing import Timing, milliseconds_since
from ioebss.image_files import check_photo
from ioebss.obedience import obey_exactly


class SamPair:
    """A pair as a method; see `ioebss.evaluation.protocol.Method`.

    Args:
        encoder: ONNX file with one input, the photo.
        decoder: ONNX file with the inputs `point_coords` and `point_labels`, one of the encoder's
            outputs, and where it has them `mask_input`, `has_mask_input` and `orig_im_size`.
        threads: CPU threads; None leaves it to the engine.

    Raises:
        MissingExtraError: onnxruntime or onnx is not installed.
        ModelError: a file is no ONNX model, or none of this kind; the message says in what.
    """

    def __init__(self, encoder: Path, decoder: Path, threads: int | None = None) -> None:
        self.encoder = Encoder(encoder, threads)
        self.decoder = Decoder(decoder, self.encoder.outputs, threads)

    def open(self, photo: NDArray[np.uint8]) -> SamSession:
        """Runs the encoder on a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: it is something else.
            BackendError: the encoder failed.
        """
        check_photo(photo)
        return SamSession(photo, self.encoder, self.decoder)


class SamSession:
    """One photo being clicked on.

    Attributes:
        timing: of the last click; `prepare` is the encoder's, `method` the decoder's.
    """

    def __init__(self, photo: NDArray[np.uint8], encoder: Encoder, decoder: Decoder) -> None:
        started = time.perf_counter()
        self.height, self.width = photo.shape[:2]
        self._decoder = decoder
        self._embeddings = encoder.run(photo)
        self._clicks: tuple[Click, ...] = ()
        self._low: NDArray[Any] | None = None
        self.timing = Timing(milliseconds_since(started))

    def click(self, x: float, y: float, label: int = FOREGROUND) -> NDArray[np.bool_]:
        """Adds a click and returns the new mask, bool (H, W).

        Raises:
            ClickError: see `ioebss.session.Session.click`. The session stays as it was.
            BackendError: the decoder failed. The session stays as it was.
        """
        click = make_click(x, y, label, self.width, self.height)
        if click.label != FOREGROUND and not self._clicks:
            raise ClickError("the first click must be foreground (label 1): click on the object")
        clicks = (*self._clicks, click)
        started = time.perf_counter()
        inputs = self._decoder.inputs(self._embeddings, clicks, self.height, self.width, self._low)
        ready = time.perf_counter()
        logits = self._decoder.run(inputs, len(clicks))
        answered = time.perf_counter()
        mask = enlarged(logits, self.height, self.width) > 0
        obey_exactly(mask, clicks, False, True)
        self._clicks, self._low = clicks, logits if self._decoder.low else None
        self.timing = Timing(
            self.timing.prepare,
            1e3 * (ready - started),
            1e3 * (answered - ready),
            milliseconds_since(answered),
        )
        return mask
