"""Label Studio's back end over HTTP: requests as Label Studio sends them, on a real photo."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from ioebss import Segmenter
from ioebss.errors import UsageError
from ioebss.image_files import read_photo
from ioebss.serving import label_studio_photos
from ioebss.serving.app import create_app
from ioebss.serving.brush_rle import decode, encode
from ioebss.serving.settings import Settings

from . import label_studio_server
from .conftest import until

Mask = NDArray[np.bool_]
WIDTH, HEIGHT = 451, 300
BRUSH_CONFIG = """<View>
  <Image name="image" value="$photo" zoom="true"/>
  <BrushLabels name="tag" toName="image"><Label value="Dog"/><Label value="Cat"/></BrushLabels>
  <KeyPointLabels name="tag2" toName="image" smart="true">
    <Label value="Dog"/><Label value="Cat"/>
  </KeyPointLabels>
</View>"""
POLYGON_CONFIG = BRUSH_CONFIG.replace("BrushLabels", "PolygonLabels")


@pytest.fixture(scope="module")
def server(samples: Path) -> Iterator[Any]:
    with label_studio_server.running() as found:
        found.files["/photo.jpg"] = (samples / "chelsea.jpg").read_bytes()
        found.files["/data/upload/1/a%20cat.jpg?v=1"] = found.files["/photo.jpg"]
        found.files["/text"] = b"no photo"
        found.files["/large"] = bytes(2 * 1024 * 1024)
        yield found


@pytest.fixture(scope="module")
def client(segmenter: Segmenter, server: Any) -> Iterator[TestClient]:
    settings = Settings(
        label_studio=server.url, label_studio_key="opaque", max_photo_bytes=1024 * 1024
    )
    with TestClient(create_app(segmenter, settings)) as found:
        yield found


@pytest.fixture(scope="module")
def uri(samples: Path) -> str:
    data = base64.b64encode((samples / "chelsea.jpg").read_bytes()).decode()
    return f"data:image/jpeg;base64,{data}"


def keypoint(x: float, y: float, positive: bool = True, label: str = "Cat") -> dict[str, Any]:
    """A smart keypoint in the middle of a pixel, as Label Studio's page makes it."""
    return {
        "id": "fBWv1t0S2L",
        "from_name": "tag2",
        "to_name": "image",
        "type": "keypointlabels",
        "origin": "manual",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "is_positive": positive,
        "value": {
            "x": 100 * (x + 0.5) / WIDTH,
            "y": 100 * (y + 0.5) / HEIGHT,
            "width": 0.3189792663476874,
            "labels": [label],
            "keypointlabels": [label],
        },
    }


def request(photo: Any, *regions: Any, config: str = BRUSH_CONFIG) -> dict[str, Any]:
    return {
        "tasks": [{"id": 7, "data": {"photo": photo}, "annotations": [], "predictions": []}],
        "model_version": "undefined",
        "project": "1.1700000000",
        "label_config": config,
        "params": {
            "login": None,
            "password": None,
            "context": {"result": list(regions), "annotation_id": None},
        },
    }


def predict(client: TestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = client.post("/label-studio/predict", json=body)
    assert response.status_code == 200, response.text
    (prediction,) = response.json()["results"]
    assert prediction["model_version"]
    regions: list[dict[str, Any]] = prediction["result"]
    return regions


def brush(regions: list[dict[str, Any]]) -> Mask:
    (region,) = regions
    assert region["type"] == "brushlabels"
    assert region["value"]["format"] == "rle"
    assert (region["original_width"], region["original_height"]) == (WIDTH, HEIGHT)
    return decode(region["value"]["rle"], HEIGHT, WIDTH)


def expected(segmenter: Segmenter, samples: Path, *clicks: tuple[int, int, int]) -> Mask:
    session = segmenter.open(read_photo(samples / "chelsea.jpg"))
    for click in clicks:
        mask = session.click(*click)
    return mask


def test_health_and_setup(client: TestClient) -> None:
    for path in ("/label-studio/health", "/label-studio/"):
        assert client.get(path).json()["status"] == "UP"
    body = {
        "project": "1.1700000000",
        "schema": BRUSH_CONFIG,
        "hostname": "http://localhost:8080",
        "access_token": "abc",
        "extra_params": None,
    }
    assert client.post("/label-studio/setup", json=body).json()["model_version"]


def test_the_brush_is_the_segmenters_mask(
    client: TestClient, segmenter: Segmenter, samples: Path, uri: str
) -> None:
    clicks = [(230, 110, 1), (20, 20, 0), (100, 290, 1)]
    points = [keypoint(x, y, bool(label)) for x, y, label in clicks]
    regions = predict(client, request(uri, *points))
    np.testing.assert_array_equal(brush(regions), expected(segmenter, samples, *clicks))
    assert regions[0]["value"]["brushlabels"] == ["Cat"]
    assert (regions[0]["from_name"], regions[0]["to_name"]) == ("tag", "image")
    # Taking one back, and clicking elsewhere, gives what it gives from the beginning.
    for chosen in (clicks[:2], [*clicks[:1], (300, 200, 1)]):
        points = [keypoint(x, y, bool(label)) for x, y, label in chosen]
        found = brush(predict(client, request(uri, *points)))
        np.testing.assert_array_equal(found, expected(segmenter, samples, *chosen))


def test_a_label_named_background_is_off_the_object(
    client: TestClient, segmenter: Segmenter, samples: Path, uri: str
) -> None:
    config = BRUSH_CONFIG.replace("Dog", "Background").replace("Cat", "Foreground")
    points = [keypoint(20, 20, label="Background"), keypoint(230, 110, label="Foreground")]
    regions = predict(client, request(uri, *points, config=config))
    assert regions[0]["value"]["brushlabels"] == ["Foreground"]
    mask = expected(segmenter, samples, (230, 110, 1), (20, 20, 0))
    np.testing.assert_array_equal(brush(regions), mask)
    alone = predict(client, request(uri, points[0], config=config))
    assert alone[0]["value"]["brushlabels"] == ["Background"]
    assert brush(alone)[20, 20]


def test_a_smart_brush_is_where_it_starts(
    client: TestClient, segmenter: Segmenter, samples: Path, uri: str
) -> None:
    start = np.zeros((HEIGHT, WIDTH), bool)
    start[60:200, 150:330] = True
    region = keypoint(0, 0)
    region |= {"type": "brushlabels", "value": {"format": "rle", "rle": encode(start)}}
    regions = predict(client, request(uri, region, keypoint(230, 110)))
    session = segmenter.open(read_photo(samples / "chelsea.jpg"))
    session.reset(start)
    np.testing.assert_array_equal(brush(regions), session.click(230, 110))


def test_polygons_where_the_configuration_has_them(
    client: TestClient, segmenter: Segmenter, samples: Path, uri: str
) -> None:
    points = [keypoint(230, 110), keypoint(100, 290)]
    regions = predict(client, request(uri, *points, config=POLYGON_CONFIG))
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for region in regions:
        assert region["type"] == "polygonlabels"
        assert region["value"]["polygonlabels"] == ["Cat"]
        assert region["value"]["closed"] is True
        corners = np.array(region["value"]["points"]) / 100 * (WIDTH, HEIGHT) - 0.5
        cv2.fillPoly(picture, [corners.round().astype(np.int32)], 1)
    mask = expected(segmenter, samples, (230, 110, 1), (100, 290, 1))
    assert (picture.astype(bool) & mask).sum() / (picture.astype(bool) | mask).sum() > 0.97


def test_photos_of_the_label_studio_that_was_named(
    client: TestClient, server: Any, uri: str
) -> None:
    point = keypoint(230, 110)
    mask = brush(predict(client, request(uri, point)))
    before = len(server.asked)
    for _ in range(2):
        for photo in ("/data/upload/1/a cat.jpg?v=1", f"{server.url}/photo.jpg"):
            np.testing.assert_array_equal(brush(predict(client, request(photo, point))), mask)
    asked = ["/data/upload/1/a%20cat.jpg?v=1", "/photo.jpg"]
    assert server.asked[before:] == asked  # once: the photo stays open


def test_a_personal_access_token_is_changed_for_one_that_works(
    segmenter: Segmenter, samples: Path
) -> None:
    with label_studio_server.running() as server:
        server.authorization = f"Bearer {label_studio_server.ACCESS}"
        for name in ("/a.jpg", "/b.jpg"):
            server.files[name] = (samples / "chelsea.jpg").read_bytes()
        key = label_studio_server.PERSONAL
        settings = Settings(label_studio=server.url, label_studio_key=key)
        with TestClient(create_app(segmenter, settings)) as client:
            for name in ("/a.jpg", "/b.jpg"):
                predict(client, request(name, keypoint(230, 110)))
        assert server.asked == ["/api/token/refresh/", "/a.jpg", "/b.jpg"]


def test_what_waits_counts_as_memory(serve: Any, cat: bytes, uri: str) -> None:
    """A photo that came, until it is decoded; then the session, until its clicks are set."""
    served, body = serve(), request(uri, keypoint(230, 110))

    def post() -> Any:
        return served.client.post("/label-studio/predict", json=body)

    with ThreadPoolExecutor(1) as pool:
        with served.busy("photos"):
            first = pool.submit(post)
            until(lambda: served.service.photos.waiting == 1)
            assert served.service.sessions.bytes == len(cat)
        assert first.result().status_code == 200
        with served.busy():
            second = pool.submit(post)
            until(lambda: served.service.network.waiting == 1)
            assert served.service.sessions.bytes > 6 * WIDTH * HEIGHT
        assert second.result().status_code == 200
    assert served.service.sessions.bytes == 0


def refused(client: TestClient, body: Any, status: int, text: str) -> None:
    response = client.post("/label-studio/predict", json=body)
    assert response.status_code == status, response.text
    assert text in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "photo",
    [
        "http://127.0.0.1:1/photo.jpg",
        "http://localhost/photo.jpg",
        "https://{host}/photo.jpg",
        "http://{host}@example.org/photo.jpg",
        "http://user:secret@{host}/photo.jpg",
        "//example.org/photo.jpg",
        "http://{host}.example.org/photo.jpg",
        "http://example.org\\@{host}/photo.jpg",
        "http://[::ffff:127.0.0.1]:{port}/photo.jpg",
        "file:///etc/hostname",
        "ftp://{host}/photo.jpg",
        "gopher://{host}/",
        "s3://bucket/photo.jpg",
        "photo.jpg",
        "../photo.jpg",
        "http://",
        "http://{host}:99999999/photo.jpg",
    ],
)
def test_nothing_else_is_fetched(client: TestClient, server: Any, photo: str) -> None:
    host = server.url.removeprefix("http://")
    photo = photo.replace("{host}", host).replace("{port}", host.rpartition(":")[2])
    before = len(server.asked)
    refused(client, request(photo, keypoint(1, 1)), 422, "not at the Label Studio")
    assert len(server.asked) == before


def test_nothing_at_all_is_fetched_unless_one_was_named(segmenter: Segmenter, uri: str) -> None:
    with TestClient(create_app(segmenter, Settings())) as client:
        for photo in ("/data/local-files/?d=a.jpg", "http://localhost:8080/a.jpg", "/etc/hostname"):
            refused(client, request(photo, keypoint(1, 1)), 422, "--label-studio URL")
        assert predict(client, request(uri, keypoint(230, 110)))
    for url in ("localhost:8080", "ftp://localhost", "http://a@b", "http://"):
        with pytest.raises(UsageError, match="not the address of a Label Studio"):
            create_app(segmenter, Settings(label_studio=url))


@pytest.mark.parametrize(
    ("photo", "status", "text"),
    [
        ("/none.jpg", 422, "answers 404"),
        ("/elsewhere", 422, "answers 302"),
        ("/large", 413, "larger than"),
        ("/text", 415, "is not a JPEG"),
        ("data:image/png;base64,!", 422, "not base64"),
        ("data:image/png;base64,AAAA", 415, "is not a JPEG"),
        ("data:text/html;base64,AAAA", 422, "not at the Label Studio"),
        (None, 422, "names no photo"),
        ({"a": 1}, 422, "names no photo"),
    ],
)
def test_photos_that_cannot_be_used(
    client: TestClient, server: Any, photo: Any, status: int, text: str
) -> None:
    before = len(server.asked)
    refused(client, request(photo, keypoint(1, 1)), status, text)
    assert "/photo.jpg" not in server.asked[before:]  # where "/elsewhere" leads


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n",
    ],
)
def test_a_label_studio_that_answers_nonsense(segmenter: Segmenter, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(answer_once, listening, answer)
        settings = Settings(label_studio=f"http://127.0.0.1:{listening.getsockname()[1]}")
        with TestClient(create_app(segmenter, settings)) as client:
            refused(client, request("/photo.jpg", keypoint(1, 1)), 422, "Label Studio")


def answer_once(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


def test_a_label_studio_that_never_ends(
    segmenter: Segmenter, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_studio_photos, "TOGETHER_SECONDS", 0.0)
    with TestClient(create_app(segmenter, Settings(label_studio=server.url))) as client:
        server.authorization, before = None, server.authorization
        refused(client, request("/photo.jpg", keypoint(1, 1)), 422, "TimeoutError")
        server.authorization = before


def change(table: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**table, **changes}


POINT = keypoint(230, 110)
BAD_VALUES = ({"x": 101, "y": 1}, {"x": -1, "y": 1}, {"x": "1", "y": 1}, {"x": True, "y": 1}, {})


@pytest.mark.parametrize(
    ("regions", "text"),
    [
        *(([change(POINT, value=value)], "per cent") for value in BAD_VALUES),
        ([change(POINT, value={"x": 1, "y": 1, "keypointlabels": [1]})], "must be text"),
        ([change(POINT, value=None)], "needs a type and a value"),
        (["region"], "needs a type and a value"),
        ([change(POINT, original_width="451")], "original_width"),
        ([change(POINT, original_height=301)], "the regions say"),
        ([POINT, change(POINT, original_height=301)], "different sizes"),
        ([change(POINT, type="rectanglelabels")], "no smart keypoint"),
        ([POINT] * 1001, "use fewer"),
        ([POINT, change(POINT, type="brushlabels", value={"rle": [1, 2]})], "not the brush RLE"),
        ([change(POINT, is_positive=False)], "no foreground click"),
    ],
)
def test_regions_that_cannot_be_used(
    client: TestClient, uri: str, regions: list[Any], text: str
) -> None:
    refused(client, request(uri, *regions), 422, text)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("", "not XML"),
        ("<View>", "not XML"),
        ("<View/>", "needs <BrushLabels>"),
        (BRUSH_CONFIG.replace("$photo", "photo"), "needs <BrushLabels>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "document type"),
        ("<View>" + " " * 300_000 + "</View>", "more than"),
    ],
)
def test_configurations_that_cannot_be_used(
    client: TestClient, uri: str, config: str, text: str
) -> None:
    refused(client, request(uri, POINT, config=config), 422, text)


def test_without_clicks_nothing_is_predicted(client: TestClient, uri: str) -> None:
    for params in (None, {}, {"context": None}, {"context": {"result": []}}):
        body = change(request(uri), params=params)
        assert client.post("/label-studio/predict", json=body).json() == {"results": []}
    refused(client, change(request(uri), params={"context": {"result": 3}}), 422, "must be a list")
    refused(client, {"tasks": "all"}, 422, "tasks")
    kind = {"Content-Type": "application/json"}
    response = client.post("/label-studio/predict", content=b"{", headers=kind)
    assert response.status_code == 400


def test_label_studio_shows_the_token_by_basic_authentication(segmenter: Segmenter) -> None:
    token = "a-token-of-the-right-length"
    with TestClient(create_app(segmenter, Settings(token=token))) as client:
        path = "/label-studio/health"
        assert client.get(path).status_code == 401
        assert client.get(path, auth=("anybody", "wrong")).status_code == 401
        assert client.get(path, headers={"Authorization": "Basic ?"}).status_code == 401
        assert client.get(path, auth=("anybody", token)).status_code == 200
        assert client.get("/v1/sessions/x", auth=("anybody", token)).status_code == 401
