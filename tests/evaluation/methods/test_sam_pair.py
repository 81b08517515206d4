"""SAM-type pairs: small real graphs whose masks are known, exported in the ways that exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ioebss.errors import ClickError, ImageError, ModelError
from ioebss.evaluation.methods.sam_graphs import MEAN, STD, Encoder
from ioebss.evaluation.methods.sam_pair import SamPair

F, I = TensorProto.FLOAT, TensorProto.INT64  # noqa: E741
SIDE = 1024  # of the encoder's input and of the decoder's coordinates
LOW = 64  # of the embedding and of the masks in low resolution
REACH = 200.0  # of a foreground click, in the decoder's coordinates
BRIGHT = 120.0  # red of the pixels that belong to an object


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[int, Sequence[object]]],
    outputs: dict[str, Sequence[object]],
    constants: dict[str, NDArray[np.generic]],
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "part",
        [helper.make_tensor_value_info(n, t, list(s)) for n, (t, s) in inputs.items()],
        [helper.make_tensor_value_info(n, F, list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def encoder(path: Path, layout: str, inside: bool, output: str = "image_embeddings") -> Path:
    """Embedding: the mean normalised red of 16x16 pixels, (1, 1, 64, 64). The photo comes in a
    layout, normalised or not."""
    shape = {"NCHW": (1, 3, SIDE, SIDE), "NHWC": (1, SIDE, SIDE, 3), "HWC": (SIDE, SIDE, 3)}[layout]
    constants = {"mean": np.array(MEAN, np.float32), "std": np.array(STD, np.float32)}
    if layout == "NCHW":
        constants = {name: value.reshape(3, 1, 1) for name, value in constants.items()}
    last, nodes = "photo", []

    def then(kind: str, *others: str, **options: object) -> None:
        nonlocal last
        nodes.append(helper.make_node(kind, [last, *others], [f"v{len(nodes)}"], **options))
        last = f"v{len(nodes) - 1}"

    if inside:
        then("Sub", "mean")
        then("Div", "std")
    if layout == "HWC":
        constants["first"] = np.array([0], np.int64)
        then("Unsqueeze", "first")
    if layout != "NCHW":
        then("Transpose", perm=[0, 3, 1, 2])
    weight = np.zeros((1, 3, 16, 16), np.float32)
    weight[0, 0] = 1 / 256
    constants["weight"] = weight
    nodes.append(helper.make_node("Conv", [last, "weight"], [output], strides=[16, 16]))
    return save(path, nodes, {"photo": (F, shape)}, {output: (1, 1, LOW, LOW)}, constants)


def decoder(
    path: Path,
    scores: Sequence[float] = (0.9,),
    right: int = 0,
    low: bool = True,
    at_photo_size: bool = True,
    frozen: bool = False,
) -> Path:
    """Foreground: bright cells within `REACH` of a foreground click, and those of the mask that was
    fed back. Logits are 100 there, -100 elsewhere.

    Args:
        scores: predicted IoU of each mask.
        right: which of them is the right one; the others are its opposite.
        low, at_photo_size: which masks it gives.
        frozen: those at the photo's size are always cut as photos of 3:2 have to be.
    """
    axis = (np.arange(LOW) + 0.5) * SIDE / LOW
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(1, LOW * LOW, 1, 2).astype(np.float32)
    red = np.float32((BRIGHT - MEAN[0]) / STD[0])
    constants: dict[str, NDArray[np.generic]] = {
        "grid": grid,
        "one": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "two": np.array([2], np.int64),
        "reach": np.array(REACH**2, np.float32),
        "far": np.array(1e9, np.float32),
        "unit": np.array(1.0, np.float32),
        "red": red,
        "nothing": np.array(0.0, np.float32),
        "hundred": np.array(100.0, np.float32),
        "minus": np.array(-100.0, np.float32),
        "plane": np.array([1, 1, LOW, LOW], np.int64),
        "batch": np.array([1, 1], np.int64),
        "scores": np.array([scores], np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Unsqueeze", ["point_coords", "one"], ["points"]),  # (1, 1, N, 2)
        node("Sub", ["grid", "points"], ["offsets"]),
        node("Mul", ["offsets", "offsets"], ["squares"]),
        node("ReduceSum", ["squares", "last"], ["distances"], keepdims=0),  # (1, LOW^2, N)
        node("Equal", ["point_labels", "unit"], ["is_foreground"]),
        node("Where", ["is_foreground", "nothing", "far"], ["penalties"]),
        node("Unsqueeze", ["penalties", "one"], ["penalty"]),
        node("Add", ["distances", "penalty"], ["of_foreground"]),
        node("ReduceMin", ["of_foreground", "last"], ["nearest"], keepdims=0),
        node("Less", ["nearest", "reach"], ["near_flat"]),
        node("Reshape", ["near_flat", "plane"], ["near"]),
        node("Greater", ["image_embeddings", "red"], ["bright"]),
        node("And", ["near", "bright"], ["clicked"]),
        node("Greater", ["mask_input", "nothing"], ["fed"]),
        node("Greater", ["has_mask_input", "nothing"], ["is_fed"]),
        node("And", ["fed", "is_fed"], ["kept"]),
        node("Or", ["clicked", "kept"], ["object"]),
        node("Where", ["object", "hundred", "minus"], ["right"]),
        node("Identity", ["scores"], ["iou_predictions"]),
    ]
    count = len(scores)
    masks = ["right" if i == right else "wrong" for i in range(count)]
    nodes += [node("Neg", ["right"], ["wrong"]), node("Concat", masks, ["low_res_masks"], axis=1)]
    inputs: dict[str, tuple[int, Sequence[object]]] = {
        "image_embeddings": (F, (1, 1, LOW, LOW)),
        "point_coords": (F, (1, "N", 2)),
        "point_labels": (F, (1, "N")),
        "mask_input": (F, (1, 1, LOW, LOW)),
        "has_mask_input": (F, (1,)),
    }
    outputs: dict[str, Sequence[object]] = {"iou_predictions": (1, count)}
    if low:
        outputs["low_res_masks"] = (1, count, LOW, LOW)
    if at_photo_size:
        # As SAM's own: enlarged to the frame, cut to the photo's part of it, resized to the photo.
        nodes += _to_photo_size("frozen" if frozen else "ends")
        constants |= {
            "frame": np.array([1, count, SIDE, SIDE], np.int64),
            "side": np.array(SIDE, np.float32),
            "zeros": np.array([0, 0], np.int64),
            "axes": np.array([2, 3], np.int64),
            "lead": np.array([1, count], np.int64),
            "half": np.array(0.5, np.float32),
            "frozen": np.array([round(SIDE * 2 / 3), SIDE], np.int64),
        }
        inputs["orig_im_size"] = (F, (2,))
        outputs["masks"] = (1, count, "H", "W")
    return save(path, nodes, inputs, outputs, constants)


def _to_photo_size(ends: str) -> list[onnx.NodeProto]:
    node = helper.make_node
    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return [
        node("Resize", ["low_res_masks", "", "", "frame"], ["framed"], **linear),
        node("ReduceMax", ["orig_im_size"], ["longest"], keepdims=0),
        node("Div", ["side", "longest"], ["scale"]),
        node("Mul", ["orig_im_size", "scale"], ["scaled"]),
        node("Add", ["scaled", "half"], ["rounding"]),
        node("Floor", ["rounding"], ["whole"]),
        node("Cast", ["whole"], ["ends"], to=I),
        node("Slice", ["framed", "zeros", ends, "axes"], ["cut"]),
        node("Cast", ["orig_im_size"], ["photo"], to=I),
        node("Concat", ["lead", "photo"], ["final"], axis=0),
        node("Resize", ["cut", "", "", "final"], ["masks"], **linear),
    ]


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """256x192: two bright squares of 48 pixels on dark ground."""
    image = np.full((192, 256, 3), 30, np.uint8)
    image[32:80, 32:80] = image[112:160, 160:208] = 230
    return image


def expected(photo: NDArray[np.uint8], *clicks: tuple[int, int]) -> NDArray[np.bool_]:
    """Bright cells of 4 pixels (16 in the frame) near one of the clicks, whose masks are enlarged
    bilinearly: of each square that rounds off the four corner pixels."""
    ys, xs = np.mgrid[:192, :256] // 4 * 4 + 2
    near = [np.hypot(4 * (xs - x), 4 * (ys - y)) < REACH for x, y in clicks]
    mask = np.any(near, axis=0) & (photo[..., 0] > BRIGHT)
    for x, y in ((32, 32), (160, 112)):
        mask[np.ix_([y, y + 47], [x, x + 47])] = False
    return np.asarray(mask)


Pair = Callable[..., SamPair]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    def make(layout: str = "NCHW", inside: bool = False, **options: Any) -> SamPair:
        return SamPair(
            encoder(tmp_path / "encoder.onnx", layout, inside),
            decoder(tmp_path / "decoder.onnx", **options),
            threads=1,
        )

    return make


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "HWC"])
@pytest.mark.parametrize("inside", [False, True], ids=["normalised outside", "inside"])
def test_a_click_takes_the_square(
    pair: Pair, photo: NDArray[np.uint8], layout: str, inside: bool
) -> None:
    made = pair(layout, inside)
    assert (made.encoder.layout, made.encoder.normalises) == (layout, inside)
    np.testing.assert_array_equal(made.open(photo).click(56, 56), expected(photo, (56, 56)))


@pytest.mark.parametrize(
    "options",
    [
        {"scores": (0.1, 0.9, 0.2), "right": 1},
        {"at_photo_size": False},
        {"low": False},
        {"scores": (0.1, 0.9, 0.2), "right": 1, "low": False},
    ],
    ids=["several", "low resolution", "photo's size", "several of the photo's size"],
)
def test_other_ways_to_answer(
    pair: Pair, photo: NDArray[np.uint8], options: dict[str, Any]
) -> None:
    mask = pair(**options).open(photo).click(56, 56)
    np.testing.assert_array_equal(mask, expected(photo, (56, 56)))


def test_of_sams_four_masks_one_of_the_last_three_is_for_one_click(
    pair: Pair, photo: NDArray[np.uint8]
) -> None:
    """As `select_masks` of Segment Anything's exported decoder does it."""
    session = pair(scores=(0.95, 0.1, 0.9, 0.2), right=2).open(photo)
    np.testing.assert_array_equal(session.click(56, 56), expected(photo, (56, 56)))


def test_of_sams_four_masks_the_first_is_for_several_clicks(
    pair: Pair, photo: NDArray[np.uint8]
) -> None:
    session = pair(scores=(0.0, 0.1, 0.9, 0.2), right=0).open(photo)
    first = session.click(56, 56)
    assert not first[60, 60] and first[100, 100], "the opposite of the right one"
    assert session.click(184, 136).all(), "with the square, all that was fed back"


def test_masks_that_are_cut_for_another_shape_of_photo_are_not_taken(
    pair: Pair, photo: NDArray[np.uint8]
) -> None:
    """The decoder that segment_anything 1.0 exports: facebookresearch/segment-anything, issue 56.
    By those masks MobileSAM stopped at a mean IoU of 0.59 where it reaches 0.96."""
    mask = pair(frozen=True).open(photo).click(184, 136)
    np.testing.assert_array_equal(mask, expected(photo, (184, 136)))
    cut = pair(frozen=True, low=False).open(photo).click(184, 136)
    assert np.any(cut != mask), "so it is seen to matter"


def test_later_clicks_are_asked_with_the_last_mask(pair: Pair, photo: NDArray[np.uint8]) -> None:
    session = pair().open(photo)
    session.click(56, 56)
    both = expected(photo, (56, 56), (184, 136))
    np.testing.assert_array_equal(session.click(184, 136), both)
    without = session.click(100, 100, 0)  # on the ground: nothing changes
    np.testing.assert_array_equal(without, both)
    assert session.timing.prepare > 0 and session.timing.method > 0


def test_a_clicked_pixel_is_obeyed(pair: Pair, photo: NDArray[np.uint8]) -> None:
    session = pair().open(photo)
    assert session.click(5, 5)[5, 5], "dark, but clicked"
    session.click(56, 56)
    assert not session.click(50, 50, 0)[50, 50]


def test_a_graph_that_takes_any_size_pads_itself(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    scale = {"scale": np.array(1 / 255, np.float32)}
    path = save(
        tmp_path / "any.onnx",
        [helper.make_node("Mul", ["photo", "scale"], ["image_embeddings"])],
        {"photo": (F, ("height", "width", 3))},
        {"image_embeddings": ("height", "width", 3)},
        scale,
    )
    found = Encoder(path, 1).run(photo)["image_embeddings"]
    assert found.shape == (768, 1024, 3)
    assert abs(found[200, 200, 0] - 230 / 255) < 1e-6


def test_mistakes(pair: Pair, tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    made = pair()
    with pytest.raises(ClickError, match="first click"):
        made.open(photo).click(5, 5, 0)
    with pytest.raises(ClickError, match="outside"):
        made.open(photo).click(256, 5)
    with pytest.raises(ImageError, match="shape"):
        made.open(photo[..., 0])
    one, other = tmp_path / "encoder.onnx", tmp_path / "decoder.onnx"
    with pytest.raises(ModelError, match="an encoder has one, the photo"):
        SamPair(other, one)
    with pytest.raises(ModelError, match="no input point_coords, point_labels"):
        SamPair(one, one)
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        SamPair(tmp_path / "text.onnx", other)


def test_an_encoder_of_another_pair(tmp_path: Path) -> None:
    constants = {"a": np.zeros((1, 1), np.float32)}
    path = save(
        tmp_path / "two.onnx",
        [helper.make_node("Identity", ["photo"], [n]) for n in ("first", "second")],
        {"photo": (F, (1, 3, 64, 64))},
        {"first": (1, 3, 64, 64), "second": (1, 3, 64, 64)},
        constants,
    )
    with pytest.raises(ModelError, match=r"wants image_embeddings; .*first, second: are they a pa"):
        SamPair(path, decoder(tmp_path / "decoder.onnx"))
