"""The report: complete as JSON, harmless and self-contained as a page."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.clicks import Click
from ioebss.errors import OutputError
from ioebss.export.charts import ticks
from ioebss.export.drawing import draw_case
from ioebss.export.layers import LayerError, LayerErrors
from ioebss.export.masks import Case, MaskAgreement, against_truth
from ioebss.export.page import page
from ioebss.export.proof import LIMITS, Proof, Subject, judged, mask_failures
from ioebss.export.report import record, write_report
from ioebss.export.values import ValueDifferences
from ioebss.manifest import Manifest

HOSTILE = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;.png"
NOT_TEXT = os.fsdecode(b"\xff\xfe.png")


class Parsed(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def proof_of(name: str) -> Proof:
    """A failed proof in which everything has this name."""
    picture = draw_case(
        np.zeros((30, 40, 3), np.uint8), np.ones((30, 40), bool), np.zeros((30, 40), bool), []
    )
    cases = (
        Case(name, (Click(1, 2, 1),), (0.5,), (0.25,), (0.5, 0.9), (0.4, 0.9)),
        Case("other.png", (Click(1, 2, 1),), (1.0,), (1.0,), (0.5, 0.9), (0.5, 0.9)),
    )
    masks = MaskAgreement(cases, {0: picture}, against_truth(cases, 20))
    infinite = float("inf")
    values = ValueDifferences(1, 4, infinite, infinite, {"50": 0.1, "99": infinite}, 0.5, 2, 1.0)
    layers = LayerErrors((LayerError(name, "n", 3.0, 2.0, 0), LayerError("b", "n", 40, 3, 1)), 1)
    manifest = Manifest(name, name, (), 5, 16, (64,), "fp16", "0" * 64, 18)
    subject = Subject(name, manifest, name)
    limits = LIMITS["fp16"]
    stages = (judged("names", []), judged("masks", mask_failures(masks, limits)))
    data = {"folders": [name], "split": None}
    return Proof(
        subject, subject, limits, stages, data, values, masks, layers, "", {"command": name}
    )


@pytest.mark.parametrize("name", [HOSTILE, NOT_TEXT, "cat.png"])
def test_names_are_harmless(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_report(proof_of(name), folder)
    found = Parsed((folder / "proof.html").read_text("utf-8"))
    assert {"script", "iframe", "link", "object"} & found.tags == set()
    assert not any(key.startswith("on") for key, _ in found.attributes)
    sources = [value or "" for key, value in found.attributes if key in ("src", "href")]
    assert len(sources) == 1
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    shown = name.encode("utf-8", "backslashreplace").decode()
    assert found.text.count(shown) > 5
    table = json.loads((folder / "proof.json").read_text("utf-8"))
    assert table["cases"][0]["photo"] == name
    assert [p.name for p in sorted(folder.iterdir())] == ["proof.html", "proof.json"]


def test_the_record_is_complete() -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    table = json.loads(record(proof_of("cat")), parse_constant=refuse)
    assert table["status"] == "failed" and table["format"] == 1
    assert table["words"][0] == "mean IoU with the reference 0.6250, demanded 0.995"
    assert table["look_first"] == "b: 1 of its values are not finite"
    assert table["values"]["maximum"] is None and table["values"]["not_finite"] == 2
    assert table["masks"]["session_iou"] == 0.75
    assert table["masks"]["mean_iou"] == 0.625 and table["masks"]["worst_photo"] == "cat"
    assert table["masks"]["truth"]["noc"]["0.85"]["difference"] == 0
    assert table["cases"][0]["clicks"] == [[1, 2, 1]]
    assert table["limits"]["worst_iou"] == 0.98
    assert [layer["own"] for layer in table["layers"]["layers"]] == [3, 40]


def test_the_page_says_it() -> None:
    text = Parsed(page(proof_of("cat"))).text
    assert "cat does not segment as cat does" in text
    assert "Look first at b: 1 of its values are not finite" in text
    assert "IoU 0.5000 after 1 click, on the same inputs 0.2500" in text
    assert "≥ 0.995" in text and "≥ 0.98" in text


def test_a_picture_shows_both_outlines_and_the_clicks() -> None:
    """On a black photo of the drawn size, so that nothing is scaled."""
    image = np.zeros((480, 480, 3), np.uint8)
    masks = np.zeros((2, 480, 480), bool)
    masks[0, 50:200, 50:200] = masks[1, 250:400, 250:400] = True
    data = np.frombuffer(draw_case(image, *masks, [Click(100, 430, 0)]), np.uint8)
    drawn = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)
    assert drawn.shape == (480, 480, 3)
    assert drawn[10, 10].max() < 20
    yellow, blue, other, red = (
        drawn[y, x] for y, x in ((50, 120), (250, 320), (120, 120), (430, 100))
    )
    assert yellow[0] > yellow[2] + 60 and yellow[1] > yellow[2]
    assert blue[2] > blue[0] + 40
    assert other[0] > other[1] + 60  # where the masks differ
    assert red[0] > red[1] + 100 and red[0] > red[2] + 100


def test_where_a_report_cannot_go(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="name a folder"):
        write_report(proof_of("cat"), tmp_path / "file")
    with pytest.raises(OutputError, match="make it first"):
        write_report(proof_of("cat"), tmp_path / "no" / "where")


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low: float, extent: float) -> None:
    high = low + extent
    found = ticks(low, high)
    assert 1 <= len(found) <= 7
    tolerance = 1e-6 * max(1.0, abs(low), abs(high))
    assert all(low - tolerance <= value <= high + tolerance for value in found)
