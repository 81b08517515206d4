"""What the service answers, beside what `Session` and `ioebss-run` answer without it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from ioebss import Segmenter, Session
from ioebss.image_files import decode_photo
from ioebss.rle import box

CLICKS = [(230, 110, 1), (100, 290, 1), (20, 20, 0)]
KINDS = ("png", "rle", "polygon")


def decoded(answer: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask of an answer, by libraries that did not write it."""
    mask = answer["mask"]
    if mask["format"] == "png":
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(mask["data"])))) > 127
    if mask["format"] == "rle":
        return np.asarray(coco.decode({"size": mask["size"], "counts": mask["counts"]})) > 0
    canvas = np.zeros((answer["height"], answer["width"]), np.uint8)
    cv2.fillPoly(canvas, [np.array(ring, np.int32) for ring in mask["polygons"]], 1)
    return canvas.astype(bool)


def click_body(click: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(("x", "y", "label"), click, strict=True))


def png_of(mask: NDArray[np.bool_]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_clicks_are_the_sessions_own_to_the_pixel(
    served: Any, segmenter: Segmenter, cat: bytes, kind: str
) -> None:
    session = segmenter.open(decode_photo(cat)[0])
    path = served.open(cat)
    seen = []
    for click in CLICKS:
        expected = session.click(*click)
        seen.append(expected)
        reply = served.client.post(f"{path}/clicks", params={"mask": kind}, json=click_body(click))
        answer = reply.json()
        np.testing.assert_array_equal(decoded(answer), expected)
        assert answer["area"] == expected.sum() and answer["bbox"] == box(expected)
        assert answer["clicks"] == [click_body(c) for c in CLICKS[: len(seen)]]
        assert answer["can_undo"] and not answer["can_redo"] and not answer["started"]
        assert set(answer["milliseconds"]) == {"queue", "input", "network", "mask"}
        assert answer["milliseconds"]["network"] > 0
    for action, expected in [
        ("undo", seen[1]),
        ("undo", seen[0]),
        ("redo", seen[1]),
        ("undo", seen[0]),
        ("undo", np.zeros_like(seen[0])),
        ("redo", seen[0]),
        ("redo", seen[1]),
        ("redo", seen[2]),
    ]:
        reply = served.client.post(f"{path}/{action}", params={"mask": kind})
        np.testing.assert_array_equal(decoded(reply.json()), expected)
        assert reply.json()["milliseconds"]["network"] == 0
    reply = served.client.post(f"{path}/redo")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "nothing_to_redo")
    reply = served.client.post(f"{path}/reset", params={"mask": kind})
    assert not decoded(reply.json()).any() and reply.json()["clicks"] == []
    reply = served.client.post(f"{path}/undo")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "nothing_to_undo")


def test_start_from_a_mask(served: Any, segmenter: Segmenter, cat: bytes) -> None:
    session = segmenter.open(decode_photo(cat)[0])
    start = np.zeros((300, 451), bool)
    start[50:250, 100:350] = True
    path = served.open(cat)
    served.client.post(f"{path}/clicks", json=click_body(CLICKS[0]))
    none = served.client.get(f"{path}/start")
    assert (none.status_code, none.json()["error"]["code"]) == (404, "no_start")
    answer = served.client.put(f"{path}/start", content=png_of(start)).json()
    np.testing.assert_array_equal(decoded(answer), start)
    assert answer["started"] and answer["clicks"] == [] and not answer["can_undo"]
    session.reset(start)
    expected = session.click(120, 60, 0)
    answer = served.client.post(f"{path}/clicks", json=click_body((120, 60, 0))).json()
    np.testing.assert_array_equal(decoded(answer), expected)
    assert answer["started"]
    answer = served.client.post(f"{path}/undo").json()
    np.testing.assert_array_equal(decoded(answer), start)
    given = served.client.get(f"{path}/start")
    assert given.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(given.content))) == 255, start)
    answer = served.client.post(f"{path}/reset").json()
    assert not answer["started"] and not decoded(answer).any()
    assert served.client.get(f"{path}/start").status_code == 404
    wrong = served.client.put(f"{path}/start", content=png_of(start[1:]))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "refused")
    colour = served.client.put(f"{path}/start", content=cat)
    assert colour.status_code == 415


def test_state_photo_and_delete(served: Any, cat: bytes) -> None:
    reply = served.client.post("/v1/sessions", content=cat)
    opened = reply.json()
    assert (opened["width"], opened["height"]) == (451, 300)
    assert opened["backend"] == served.service.segmenter.backend
    assert set(opened["milliseconds"]) == {"decode", "prepare"}
    path = f"/v1/sessions/{opened['id']}"
    served.client.post(f"{path}/clicks?mask=none", json={"x": 230.9, "y": 110.2})
    state = served.client.get(path).json()
    assert state == {
        "id": opened["id"],
        "width": 451,
        "height": 300,
        "clicks": [{"x": 230, "y": 110, "label": 1}],
        "can_undo": True,
        "can_redo": False,
        "undone": [],
        "started": False,
    }
    for change, listed in (("undo", [{"x": 230, "y": 110, "label": 1}]), ("redo", [])):
        answer = served.client.post(f"{path}/{change}?mask=none").json()
        assert answer["undone"] == served.client.get(path).json()["undone"] == listed
    photo = served.client.get(f"{path}/photo")
    assert photo.content == cat and photo.headers["content-type"] == "image/jpeg"
    gone = served.client.delete(path)
    assert gone.status_code == 204 and gone.content == b""
    for reply in (served.client.get(path), served.client.delete(path)):
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_session")


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_type_of_a_photo_is_what_it_is_not_what_it_is_called(served: Any, kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, kind)
    reply = served.client.post(
        "/v1/sessions", content=buffer.getvalue(), headers={"Content-Type": "text/html"}
    )
    photo = served.client.get(f"/v1/sessions/{reply.json()['id']}/photo")
    assert photo.headers["content-type"] == f"image/{kind.lower()}"


def test_results_are_what_ioebss_run_writes(
    served: Any, cat: bytes, tmp_path: Path, command: Any
) -> None:
    (tmp_path / "photo.jpg").write_bytes(cat)
    path = served.open(cat)
    for click in CLICKS:
        served.client.post(f"{path}/clicks?mask=none", json=click_body(click))
    clicks = " ".join(",".join(map(str, click)) for click in CLICKS)
    for kind in ("mask", "cutout", "overlay", "json"):
        suffix = "json" if kind == "json" else "png"
        output = tmp_path / f"{kind}.{suffix}"
        options = ("--clicks", clicks, "--format", kind, "--output", output, "--threads", 1)
        assert command("ioebss-run", "photo.jpg", *options).returncode == 0
        reply = served.client.get(f"{path}/result", params={"format": kind})
        assert reply.content == output.read_bytes(), kind
        assert reply.headers["content-type"].endswith(suffix)
    assert served.client.get(f"{path}/result").content == (tmp_path / "mask.png").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_segment_is_the_same_without_a_session(
    served: Any, segmenter: Segmenter, cat: bytes, kind: str
) -> None:
    session = segmenter.open(decode_photo(cat)[0])
    for click in CLICKS:
        expected = session.click(*click)
    reply = served.client.post(
        "/v1/segment",
        params={"mask": kind},
        files={"photo": ("any name", cat)},
        data={"clicks": json.dumps([click_body(c) for c in CLICKS])},
    )
    np.testing.assert_array_equal(decoded(reply.json()), expected)
    assert "id" not in reply.json()
    spent = reply.json()["milliseconds"]
    assert min(spent.values()) >= 0 and all(spent[s] > 0 for s in ("input", "network", "mask"))


@pytest.mark.parametrize(("clicks", "status"), [("[[230, 110]]", 200), ("[[451, 1]]", 422)])
def test_segment_closes_its_session(
    served: Any, cat: bytes, monkeypatch: pytest.MonkeyPatch, clicks: str, status: int
) -> None:
    """Or it would keep its memory of a GPU until Python collects it."""
    closed: list[Session] = []
    monkeypatch.setattr(Session, "close", lambda session: closed.append(session))
    files, data = {"photo": ("p", cat)}, {"clicks": clicks}
    reply = served.client.post("/v1/segment?mask=none", files=files, data=data)
    assert reply.status_code == status and len(closed) == 1


def test_segment_from_a_mask_and_with_a_background_click_first(
    served: Any, segmenter: Segmenter, cat: bytes
) -> None:
    session = segmenter.open(decode_photo(cat)[0])
    start = np.zeros((300, 451), bool)
    start[50:250, 100:350] = True
    session.reset(start)
    expected = session.click(120, 60, 0)
    files = {"photo": ("p", cat), "start": ("s", png_of(start))}
    reply = served.client.post("/v1/segment", files=files, data={"clicks": "[[120, 60, 0]]"})
    np.testing.assert_array_equal(decoded(reply.json()), expected)
    reply = served.client.post(
        "/v1/segment", files={"photo": ("p", cat)}, data={"clicks": "[[20,20,0], [230,110,1]]"}
    )
    expected = session.predict([(20, 20, 0), (230, 110, 1)])
    np.testing.assert_array_equal(decoded(reply.json()), expected)
    assert reply.json()["milliseconds"]["network"] > 0
    reply = served.client.post("/v1/segment", files=files, data={"clicks": "[]"})
    np.testing.assert_array_equal(decoded(reply.json()), start)


def test_sessions_do_not_mix(served: Any, segmenter: Segmenter, cat: bytes) -> None:
    """Clicks of several sessions in turns give each its own masks."""
    pixels = decode_photo(cat)[0]
    mirrored = io.BytesIO()
    Image.fromarray(pixels[:, ::-1]).save(mirrored, "PNG")
    photos = [cat, mirrored.getvalue()]
    paths = [served.open(photo) for photo in photos]
    sessions = [segmenter.open(decode_photo(photo)[0]) for photo in photos]
    for x, y, label in CLICKS:
        for path, session in zip(paths, sessions, strict=True):
            answer = served.client.post(f"{path}/clicks", json={"x": x, "y": y, "label": label})
            np.testing.assert_array_equal(decoded(answer.json()), session.click(x, y, label))


def test_health_metrics_and_page(served: Any, cat: bytes) -> None:
    health = served.client.get("/healthz").json()
    assert health["status"] == "ok" and health["backend"] == served.service.segmenter.backend
    path = served.open(cat)
    served.client.post(f"{path}/clicks", json=click_body(CLICKS[0]))
    served.client.get("/hostile-\u20ac-path")
    text = served.client.get("/metrics").text
    assert 'ioebss_requests_total{method="POST",route="/v1/sessions/{id}/clicks"' in text
    assert 'ioebss_click_seconds_bucket{le="0.002",stage="network"}' in text
    assert f"ioebss_sessions {float(len(served.service.sessions))}" in text
    assert "hostile" not in text and path.rpartition("/")[2] not in text
    page = served.client.get("/")
    assert page.headers["content-type"].startswith("text/html") and "IOEBSS" in page.text
    assert served.client.get("/page/index.html").content == page.content


def test_stages_are_measured_of_clicks_alone(serve: Any, cat: bytes) -> None:
    """Or what does not run the network would make it look fast."""
    served = serve()
    path = served.open(cat)
    served.client.post(f"{path}/clicks", json=click_body(CLICKS[0]))
    for action in ("undo", "redo", "reset"):
        served.client.post(f"{path}/{action}")
    text = served.client.get("/metrics").text
    for stage in ("queue", "input", "network", "mask"):
        assert f'ioebss_click_seconds_count{{stage="{stage}"}} 1.0' in text


def test_openapi_has_examples(served: Any) -> None:
    described = served.client.get("/openapi.json").json()
    assert described["components"]["schemas"]["ClickBody"]["examples"]
    assert "/v1/sessions/{id}/clicks" in described["paths"]
    assert served.client.get("/docs").status_code == 404  # it would need another server
