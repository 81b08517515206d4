"""The two graphs of a SAM-type pair: what their exporters left open is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.backends.onnxruntime_graph import (
    failed,
    import_onnxruntime,
    open_session,
    session_options,
)
from ioebss.clicks import Click
from ioebss.errors import MissingExtraError, ModelError

FRAME = 1024  # longer side of the photo in the decoder's coordinates, in pixels
LOW_SIDE = 256  # of the mask that is fed back, where the graph leaves it open
SAM_MASKS = 4  # of SAM's own decoder: the first is for several clicks, the others for one
MAX_SIDE = 4096  # of the encoder's input
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of SAM, red, green, blue
PADDING_POINT = -1  # label of a point that is none: SAM wants one where there is no box
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
# Nodes that only move pixels about; the first other one tells what is done with their values.
_MOVING = (
    *("Cast", "Transpose", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Pad", "Resize"),
    *("Shape", "Slice", "Gather", "Concat"),
)
_NORMALISING = ("Sub", "Div", "Mul", "Add", "BatchNormalization", "InstanceNormalization")


class Encoder:
    """The graph that sees the photo.

    Raises:
        ModelError: it has not one input of an RGB photo, of a type and size that can be made.
    """

    def __init__(self, path: Path, threads: int | None) -> None:
        self._session = _load(path, threads)
        nodes = self._session.get_inputs()
        if len(nodes) != 1:
            names = ", ".join(node.name for node in nodes)
            raise ModelError(f"{path} has inputs {names}; an encoder has one, the photo")
        (node,) = nodes
        shape = list(node.shape)
        layouts = {4: {1: "NCHW", 3: "NHWC"}, 3: {0: "CHW", 2: "HWC"}}.get(len(shape), {})
        found = [layout for axis, layout in layouts.items() if shape[axis] == 3]
        if len(found) != 1 or node.type not in DTYPES:
            raise ModelError(f"{path}: {node.name} is {node.type} {shape}, which is no RGB photo")
        self.name, self.dtype, self.layout = node.name, DTYPES[node.type], found[0]
        sides = [shape[self.layout.index(axis)] for axis in "HW"]
        fixed = all(isinstance(side, int) for side in sides)
        if fixed and not all(0 < side <= MAX_SIDE for side in sides):
            raise ModelError(f"{path}: {node.name} is {shape}; sides of 1 to {MAX_SIDE} are taken")
        self.normalises = self.dtype == np.uint8 or _normalises(path, node.name)
        self.size: tuple[int, int] = tuple(sides) if fixed else (FRAME, FRAME)
        # A graph that takes pixels of any size pads them itself.
        self.pads = not fixed and self.normalises
        self.outputs = [output.name for output in self._session.get_outputs()]

    def input_of(self, photo: NDArray[np.uint8]) -> NDArray[Any]:
        """The graph's input: the photo scaled to fit, the rest of it padded with the mean colour.

        Args:
            photo: uint8 (H, W, 3), RGB.
        """
        height, width = photo.shape[:2]
        scale = min(self.size[0] / height, self.size[1] / width)
        size = (_scaled(width, scale), _scaled(height, scale))
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels: NDArray[Any] = cv2.resize(photo, size, interpolation=flags).astype(np.float32)
        if not self.pads:
            canvas = np.empty((*self.size, 3), np.float32)
            canvas[:] = MEAN
            canvas[: size[1], : size[0]] = pixels
            pixels = canvas
        if not self.normalises:
            pixels = (pixels - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
        if self.layout.endswith("CHW"):
            pixels = pixels.transpose(2, 0, 1)
        if self.layout.startswith("N"):
            pixels = pixels[None]
        if self.dtype == np.uint8:
            pixels = np.rint(pixels)
        return np.ascontiguousarray(pixels, self.dtype)

    def run(self, photo: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """All outputs, by name.

        Raises:
            BackendError: the graph failed.
        """
        try:
            values = self._session.run(None, {self.name: self.input_of(photo)})
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise failed(error) from None
        return dict(zip(self.outputs, values, strict=True))


class Decoder:
    """The graph that is clicked on.

    Its masks are taken in low resolution where it gives them: those at the photo's size are cut to
    one shape of photo where the released version of Segment Anything exported it (its issue 56).

    Args:
        embeddings: names of the encoder's outputs.

    Attributes:
        low: whether its masks are in low resolution, in which they can be fed back.

    Raises:
        ModelError: it lacks points, has an input that nobody has a value for, or gives no mask.
    """

    def __init__(self, path: Path, embeddings: Sequence[str], threads: int | None) -> None:
        self._session = _load(path, threads)
        self._types = {node.name: node.type for node in self._session.get_inputs()}
        self._shapes = {node.name: list(node.shape) for node in self._session.get_inputs()}
        self._embeddings = _matched(path, list(self._types), embeddings)
        outputs = [output.name for output in self._session.get_outputs()]
        self.low = "low_res_masks" in outputs
        masks = "low_res_masks" if self.low else "masks"
        if masks not in outputs:
            names = ", ".join(outputs)
            raise ModelError(f"{path} answers {names}; a decoder has low_res_masks or masks")
        self._asked = [name for name in (masks, "iou_predictions") if name in outputs]

    def inputs(
        self,
        embeddings: dict[str, NDArray[Any]],
        clicks: Sequence[Click],
        height: int,
        width: int,
        low: NDArray[Any] | None,
    ) -> dict[str, NDArray[Any]]:
        """The graph's inputs.

        Args:
            embeddings: the encoder's outputs.
            clicks: in pixels of the photo.
            height, width: of the photo.
            low: the last answer, (h, w), where it is in low resolution; None for none.
        """
        scale = FRAME / max(height, width)
        points = [[click.x * scale, click.y * scale] for click in clicks] + [[0.0, 0.0]]
        labels = [click.label for click in clicks] + [PADDING_POINT]
        side = [s if isinstance(s, int) else LOW_SIDE for s in self._shapes.get("mask_input", [])]
        fed = np.zeros(side[-2:]) if low is None else low
        values: dict[str, Any] = {
            "point_coords": [points],
            "point_labels": [labels],
            "mask_input": fed[None, None],
            "has_mask_input": [low is not None],
            "orig_im_size": [height, width],
            **{name: embeddings[of] for name, of in self._embeddings.items()},
        }
        return {name: np.asarray(values[name], _dtype(t)) for name, t in self._types.items()}

    def run(self, inputs: dict[str, NDArray[Any]], clicks: int) -> NDArray[np.float32]:
        """The logits of the best mask, float32 (h, w): in low resolution, or where it gives no such
        masks in the photo's.

        Args:
            inputs: of the graph.
            clicks: how many they tell of.

        Raises:
            BackendError: the graph failed.
            ModelError: it answers masks of another shape than (1, M, h, w).
        """
        try:
            values = self._session.run(self._asked, inputs)
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise failed(error) from None
        masks, *scores = values
        if masks.ndim != 4 or masks.shape[0] != 1 or not masks.shape[1]:
            raise ModelError(f"the decoder answers masks of shape {masks.shape}, not (1, M, h, w)")
        best = _best(np.ravel(scores), masks.shape[1], clicks)
        return np.asarray(masks[0, best], np.float32)


def enlarged(logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """A decoder's logits in the photo's resolution, float32 (height, width). Those in another are
    of a square that holds the photo in its top left corner, and are enlarged as SAM does it: to the
    frame, of which the photo's part is then resized."""
    if logits.shape == (height, width):
        return logits
    scale = FRAME / max(height, width)
    framed = cv2.resize(logits, (FRAME, FRAME))
    part = framed[: _scaled(height, scale), : _scaled(width, scale)]
    return np.asarray(cv2.resize(part, (width, height)), np.float32)


def _scaled(side: int, scale: float) -> int:
    """A side of the scaled photo; halves are rounded up, as SAM does it."""
    return max(1, int(side * scale + 0.5))


def _best(scores: NDArray[Any], count: int, clicks: int) -> int:
    """Which of several masks is meant: by predicted IoU, and of SAM's the first where there are
    several clicks, one of the others where there is one (Kirillov et al. 2023, appendix A)."""
    if count == SAM_MASKS and clicks > 1:
        return 0
    if len(scores) != count:  # none are predicted
        return 0
    ambiguous = 1 if count == SAM_MASKS else 0
    return ambiguous + int(scores[ambiguous:].argmax())


def _matched(path: Path, inputs: list[str], embeddings: Sequence[str]) -> dict[str, str]:
    """Which of the encoder's outputs each remaining input takes."""
    known = {"point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
    missing = {"point_coords", "point_labels"} - set(inputs)
    if missing:
        raise ModelError(f"{path} has no input {', '.join(sorted(missing))}: it is no SAM decoder")
    others = [name for name in inputs if name not in known]
    if len(others) == 1 and others[0] not in embeddings and len(embeddings) == 1:
        return {others[0]: embeddings[0]}  # exporters name the same thing differently
    strange = [name for name in others if name not in embeddings]
    if strange or not others:
        raise ModelError(
            f"{path} wants {', '.join(strange) or 'no embedding'}; the encoder gives "
            f"{', '.join(embeddings)}: are they a pair?"
        )
    return {name: name for name in others}


def _dtype(kind: str) -> Any:
    return {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}.get(
        kind, DTYPES.get(kind, np.float32)
    )


def _load(path: Path, threads: int | None) -> Any:
    onnxruntime = import_onnxruntime("bench")
    options = session_options(onnxruntime, threads)
    return open_session(onnxruntime, path, options, ["CPUExecutionProvider"])


def _normalises(path: Path, name: str) -> bool:
    """Whether a graph does arithmetic on its input's values before it convolves them."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            f'graphs are read with onnx ({error}); pip install "ioebss[bench]"'
        ) from None
    graph = onnx.load(str(path), load_external_data=False).graph
    names = {name}
    for node in graph.node:  # in topological order
        if not names & set(node.input):
            continue
        if node.op_type in _NORMALISING:
            return True
        if node.op_type not in _MOVING:
            return False
        names |= set(node.output) if node.op_type != "Shape" else set()
    return False
