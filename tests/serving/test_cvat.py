"""CVAT's interactor: requests as its server posts them, on a real photo, and the nuclio folder."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ioebss import Segmenter
from ioebss.image_files import read_photo
from ioebss.serving.cvat_interactor import Interactor, run_lengths

# Of the repository: nuclio's folder is not part of the installed package.
FOLDER = Path(__file__).parents[2] / "serving" / "cvat"
DECODER = """
import importlib.util, json, sys
from importlib.metadata import files
place = next(f for f in files("cvat-sdk") if str(f) == "cvat_sdk/masks.py")
spec = importlib.util.spec_from_file_location("masks", place.locate())
masks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(masks)
request = json.load(sys.stdin)
found = masks.decode_mask(request["points"], image_width=request["width"],
                          image_height=request["height"])
print(json.dumps(found.astype(int).tolist()))
"""
Mask = NDArray[np.bool_]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter()


@pytest.fixture(scope="module")
def interactor(segmenter: Segmenter) -> Interactor:
    return Interactor(segmenter)


@pytest.fixture(scope="module")
def recorded(samples: Path) -> dict[str, Any]:
    """A request as CVAT's `LambdaFunction.invoke` makes it; clicks are fractions of pixels."""
    return {
        "image": base64.b64encode((samples / "chelsea.jpg").read_bytes()).decode(),
        "pos_points": [[230.4462890625, 110.1], [100.5, 290.25]],
        "neg_points": [[20.0, 20.75]],
        "obj_bbox": None,
    }


def mask_of(answer: Any) -> Mask:
    assert answer.status == 200, answer.body
    return np.array(json.loads(answer.body)["mask"]).astype(bool)


def decoded(points: list[int], size: tuple[int, int]) -> Mask:
    """CVAT's run lengths, one pixel after the other."""
    *runs, left, top, right, bottom = points
    inside = [bool(i % 2) for i, run in enumerate(runs) for _ in range(run)]
    mask = np.zeros(size, bool)
    mask[top : bottom + 1, left : right + 1] = np.reshape(
        inside, (bottom - top + 1, right - left + 1)
    )
    return mask


def test_the_mask_is_the_segmenters(
    segmenter: Segmenter, interactor: Interactor, recorded: dict[str, Any], samples: Path
) -> None:
    session = segmenter.open(read_photo(samples / "chelsea.jpg"))
    session.click(230, 110)
    session.click(100, 290)
    expected = session.click(20, 20, 0)
    answer = interactor.answer(recorded)
    np.testing.assert_array_equal(mask_of(answer), expected)
    table = json.loads(answer.body)
    assert set(np.unique(table["mask"])) == {0, 1}
    (shape,) = table["shapes"]
    assert shape["type"] == "mask"
    np.testing.assert_array_equal(decoded(shape["points"], expected.shape), expected)
    again = interactor.answer(json.dumps(recorded).encode())  # a body that was not read yet
    assert again == answer


def test_what_came_before_does_not_matter(segmenter: Segmenter, recorded: dict[str, Any]) -> None:
    clicks = [[230, 110], [100, 290], [300, 200]]
    requests = [
        {**recorded, "pos_points": clicks[:1], "neg_points": []},
        {**recorded, "pos_points": clicks[:2], "neg_points": []},
        {**recorded, "pos_points": clicks[:2], "neg_points": [[20, 20]]},
        {**recorded, "pos_points": clicks, "neg_points": [[20, 20]]},
        {**recorded, "pos_points": clicks[1:2], "neg_points": []},
    ]
    one = Interactor(segmenter)
    for request in requests:
        assert one.answer(request) == Interactor(segmenter).answer(request)


def test_threshold_is_a_probability(
    segmenter: Segmenter, interactor: Interactor, recorded: dict[str, Any], samples: Path
) -> None:
    session = segmenter.open(read_photo(samples / "chelsea.jpg"))
    for x, y, label in ((230, 110, 1), (100, 290, 1), (20, 20, 0)):
        session.click(x, y, label)
    areas = []
    for threshold in (0.2, 0.5, 0.9):
        mask = mask_of(interactor.answer({**recorded, "threshold": threshold}))
        np.testing.assert_array_equal(mask, session.probability > threshold)
        areas.append(mask.sum())
    assert areas[0] > areas[1] > areas[2] > 0


def test_the_far_edge_belongs_to_the_last_pixel(
    interactor: Interactor, recorded: dict[str, Any]
) -> None:
    mask = mask_of(interactor.answer({**recorded, "neg_points": [[451, 300]]}))
    assert mask.shape == (300, 451)
    assert not mask[299, 450]


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"image": None}, 400, "image must be the photo"),
        ({"image": "no base64!"}, 400, "not base64"),
        ({"image": base64.b64encode(b"no photo").decode()}, 400, "is not a JPEG"),
        ({"image": "A" * (64 * 1024 * 1024 + 1)}, 413, "larger than"),
        ({"pos_points": None}, 400, "pos_points must be a list"),
        ({"pos_points": []}, 400, "click on the object"),
        ({"pos_points": [[1]]}, 400, "is not [x, y]"),
        ({"pos_points": [["1", "2"]]}, 400, "is not [x, y]"),
        ({"pos_points": [[1e400, 2]]}, 400, "is not [x, y]"),
        ({"pos_points": [[10**400, 2]]}, 400, "is not [x, y]"),
        ({"pos_points": [[452, 2]]}, 400, "outside the photo"),
        ({"neg_points": [[-1, 2]]}, 400, "outside the photo"),
        ({"neg_points": "none"}, 400, "neg_points must be a list"),
        ({"pos_points": [[1, 2]] * 1001}, 400, "use fewer"),
        ({"threshold": 1.5}, 400, "between 0 and 1"),
        ({"threshold": "high"}, 400, "between 0 and 1"),
        ({"obj_bbox": [[1, 2], [3, 4]]}, 400, "a box is of no use"),
    ],
)
def test_bad_requests(
    interactor: Interactor,
    recorded: dict[str, Any],
    changes: dict[str, Any],
    status: int,
    text: str,
) -> None:
    answer = interactor.answer({**recorded, **changes})
    assert answer.status == status
    assert text in json.loads(answer.body)["message"]


@pytest.mark.parametrize("body", [None, [], 3, b"\xff", "[" * 100_000, b'{"image": 1}', {}])
def test_bodies_that_are_no_request(interactor: Interactor, body: Any) -> None:
    answer = interactor.answer(body)
    assert answer.status == 400
    assert json.loads(answer.body)["message"]


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_run_lengths(mask: Mask) -> None:
    np.testing.assert_array_equal(decoded(run_lengths(mask), mask.shape), mask)  # type: ignore[arg-type]


@pytest.mark.annotation_tools
def test_cvats_own_decoder_reads_the_shape(
    interactor: Interactor,
    recorded: dict[str, Any],
    tools_python: Callable[[str, object], list[list[int]]],
) -> None:
    answer = interactor.answer(recorded)
    mask = mask_of(answer)
    points = json.loads(answer.body)["shapes"][0]["points"]
    request = {"points": points, "width": mask.shape[1], "height": mask.shape[0]}
    np.testing.assert_array_equal(np.array(tools_python(DECODER, request)), mask)


# -- the folder ------------------------------------------------------------------------------------


@dataclass
class Response:
    """What nuclio's Python SDK has as `Response`."""

    body: str
    headers: dict[str, str]
    content_type: str
    status_code: int


@dataclass
class Context:
    """What nuclio hands to the two functions."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user_data = SimpleNamespace()
        self.logger = SimpleNamespace(info=self.lines.append, warn=self.lines.append)
        self.Response = Response


def test_main_answers_events(recorded: dict[str, Any], interactor: Interactor) -> None:
    spec = importlib.util.spec_from_file_location("cvat_main", FOLDER / "main.py")
    assert spec is not None and spec.loader is not None
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    context = Context()
    main.init_context(context)
    response = main.handler(context, SimpleNamespace(body=recorded))
    expected = interactor.answer(recorded)
    assert (response.status_code, response.body) == (200, expected.body)
    assert response.content_type == "application/json"
    assert len(context.lines) == 1
    assert main.handler(context, SimpleNamespace(body=b"?")).status_code == 400
    assert "not JSON" in context.lines[1]


def test_function_yaml_is_what_cvat_reads() -> None:
    table = yaml.safe_load((FOLDER / "function.yaml").read_text())
    annotations = table["metadata"]["annotations"]
    assert annotations["type"] == "interactor"
    assert json.loads(annotations["spec"] or "[]") == []
    assert int(annotations["min_pos_points"]) == 1
    assert int(annotations["min_neg_points"]) == 0
    assert "startswith_box" not in annotations  # any text is true to CVAT
    assert annotations["help_message"]
    assert table["metadata"]["namespace"] == "cvat"
    module, function = table["spec"]["handler"].split(":")
    assert (FOLDER / f"{module}.py").is_file() and function == "handler"
    assert table["spec"]["runtime"].split(":")[1] in table["spec"]["build"]["baseImage"]
