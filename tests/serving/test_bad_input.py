"""Whatever is sent, the answer is an error of the contract's shape, and never 5xx."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ioebss.errors import BackendError, ModelError
from ioebss.result_files import FORMATS
from ioebss.session import Session

DEEP = "[" * 100_000
HUGE_INTEGER = "1" + "0" * 5000
CLICKS = {
    "not JSON": (b"{", 400),
    "no text": (b"\xff\xfe\x00", 400),
    "nothing": (b"", 422),
    "deep": (DEEP[:60_000].encode(), 400),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "no x": (b'{"y": 1}', 422),
    "text": (b'{"x": "1", "y": 1}', 422),
    "true": (b'{"x": true, "y": 1}', 422),
    "null x": (b'{"x": null, "y": 1}', 422),
    "a list for x": (b'{"x": [1], "y": 1}', 422),
    "not a number": (b'{"x": NaN, "y": 1}', 422),
    "infinite": (b'{"x": Infinity, "y": 1}', 422),
    "huge": (b'{"x": 1e308, "y": 1}', 422),
    "huge integer": (f'{{"x": {HUGE_INTEGER}, "y": 1}}'.encode(), 400),
    "large integer": (b'{"x": 1' + b"0" * 400 + b', "y": 1}', 422),
    "negative": (b'{"x": -1, "y": 1}', 422),
    "outside": (b'{"x": 451, "y": 1}', 422),
    "below": (b'{"x": 1, "y": 300}', 422),
    "label 2": (b'{"x": 1, "y": 1, "label": 2}', 422),
    "label 0.5": (b'{"x": 1, "y": 1, "label": 0.5}', 422),
    "label text": (b'{"x": 1, "y": 1, "label": "1"}', 422),
    "label null": (b'{"x": 1, "y": 1, "label": null}', 422),
    "unknown field": (b'{"x": 1, "y": 1, "__class__": 1}', 422),
    "background first": (b'{"x": 1, "y": 1, "label": 0}', 422),
    "too large": (b'{"x": 1, "y": 1}' + b" " * 70_000, 413),
}


def refused(reply: httpx.Response, status: int, code: str | None = None) -> str:
    """Checks the shape of an error; returns its message."""
    assert reply.status_code == status, reply.text[:300]
    assert set(reply.json()) == {"error"} and set(reply.json()["error"]) == {"code", "message"}
    if code:
        assert reply.json()["error"]["code"] == code
    message = str(reply.json()["error"]["message"])
    assert message and len(message) < 600
    for leak in ("Traceback", "/root", "/home", "site-packages", ".py", "object at 0x", "BytesIO"):
        assert leak not in message
    return message


@pytest.fixture(scope="module")
def session(served: Any, cat: bytes) -> str:
    return str(served.open(cat))


@pytest.mark.parametrize("name", CLICKS)
def test_clicks(served: Any, session: str, name: str) -> None:
    body, status = CLICKS[name]
    reply = served.client.post(
        f"{session}/clicks", content=body, headers={"Content-Type": "application/json"}
    )
    refused(reply, status)
    assert served.client.get(session).json()["clicks"] == []


def test_what_was_outside_is_said(served: Any, session: str) -> None:
    reply = served.client.post(f"{session}/clicks", json={"x": 451, "y": 1})
    assert "450" in refused(reply, 422, "click_outside")


def test_outside_has_the_same_code_without_a_session(served: Any, cat: bytes) -> None:
    files = {"photo": ("p", cat)}
    for clicks in ("[[451, 1]]", '[[1, 1], {"x": 1, "y": 300}]'):
        reply = served.client.post("/v1/segment", files=files, data={"clicks": clicks})
        refused(reply, 422, "click_outside")


@pytest.mark.parametrize("kind", ["application/xml", "text/plain", "multipart/form-data", ""])
def test_other_kinds_of_body(served: Any, session: str, kind: str) -> None:
    reply = served.client.post(
        f"{session}/clicks", content=b'{"x": 1, "y": 1}', headers={"Content-Type": kind}
    )
    assert reply.status_code < 500
    if reply.status_code != 200:  # without a type it may pass for JSON
        refused(reply, reply.status_code)
    served.client.post(f"{session}/reset")


@pytest.mark.parametrize("action", ["clicks", "undo", "redo", "reset", "start"])
def test_unknown_mask_format(served: Any, session: str, action: str) -> None:
    method = "PUT" if action == "start" else "POST"
    body = b'{"x": 1, "y": 1}'
    for value in ("jpeg", "", "PNG", "png\x00", "a" * 5000):
        reply = served.client.request(
            method,
            f"{session}/{action}",
            params={"mask": value},
            content=body,
            headers={"Content-Type": "application/json"},
        )
        refused(reply, 422, "invalid")


@pytest.mark.parametrize("value", ["exe", "", "mask\n", "../../etc/passwd"])
def test_unknown_result_format(served: Any, session: str, value: str) -> None:
    refused(served.client.get(f"{session}/result", params={"format": value}), 422, "invalid")


@pytest.mark.parametrize("name", ["x", "0" * 22, "a" * 65, "%00", "..%2f..", "%ff%fe", "é", "a b"])
@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/photo"),
        ("GET", "/result"),
        ("POST", "/clicks"),
        ("POST", "/undo"),
        ("POST", "/redo"),
        ("POST", "/reset"),
        ("PUT", "/start"),
    ],
)
def test_unknown_sessions(served: Any, name: str, method: str, action: str) -> None:
    body = {"json": {"x": 1, "y": 1}} if method in ("POST", "PUT") else {}
    reply = served.client.request(method, f"/v1/sessions/{name}{action}", **body)
    refused(reply, reply.status_code)
    assert reply.status_code in (404, 405, 422)


@pytest.mark.parametrize(
    "body",
    [b"", b"no photo", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + b"\x00" * 100, b"<svg></svg>"],
)
def test_what_is_no_photo(served: Any, session: str, body: bytes) -> None:
    refused(served.client.post("/v1/sessions", content=body), 415, "not_a_photo")
    refused(served.client.put(f"{session}/start", content=body), 415, "not_a_photo")
    files = {"photo": ("p", body)}
    reply = served.client.post("/v1/segment", files=files, data={"clicks": "[[1, 1]]"})
    refused(reply, 415, "not_a_photo")


def test_half_a_photo(served: Any, cat: bytes) -> None:
    refused(served.client.post("/v1/sessions", content=cat[: len(cat) // 2]), 415, "not_a_photo")


SEGMENT = {
    "no JSON": ("[", 400),
    "an object": ("{}", 422),
    "no clicks": ("[]", 422),
    "text": ('["1,1"]', 422),
    "one number": ("[[1]]", 422),
    "another type": ('[{"type": "' + "x" * 60_000 + '"}]', 422),
    "a deep type": ('[{"type": ' + "[" * 900 + "]" * 900 + "}]", 422),
    "half a letter": ('[{"type": "\\ud800"}]', 422),
    "four": ("[[1, 1, 1, 1]]", 422),
    "no number": ("[[NaN, 1]]", 422),
    "huge": (f"[[{10**300}, 1]]", 422),
    "huge integer": (f"[[{HUGE_INTEGER}, 1]]", 400),
    "outside": ("[[451, 1]]", 422),
    "label": ("[[1, 1, 3]]", 422),
    "background only": ("[[1, 1, 0]]", 422),
    "many": (json.dumps([[1, 1]] * 1001), 422),
    "deep": (DEEP[:60_000], 400),
    "long": (" " * 70_000 + "[[1, 1]]", 422),
}


@pytest.mark.parametrize("name", SEGMENT)
def test_segment_clicks(served: Any, cat: bytes, name: str) -> None:
    text, status = SEGMENT[name]
    reply = served.client.post("/v1/segment", files={"photo": ("p", cat)}, data={"clicks": text})
    refused(reply, status)


def test_segment_fields(served: Any, cat: bytes) -> None:
    client = served.client
    photo = {"photo": ("../../etc/passwd", cat)}
    refused(client.post("/v1/segment", files=photo), 422, "invalid")
    refused(client.post("/v1/segment", data={"clicks": "[[1, 1]]"}), 422, "invalid")
    refused(client.post("/v1/segment", data={"clicks": "[[1,1]]", "photo": "x"}), 422, "invalid")
    refused(client.post("/v1/segment", content=b"x"), 422, "invalid")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        reply = client.post("/v1/segment", content=b"--y\r\n\r\n", headers={"Content-Type": kind})
        refused(reply, reply.status_code)
        assert reply.status_code in (400, 422)
    many = {f"f{i}": "x" for i in range(1100)}
    refused(client.post("/v1/segment", files=photo, data=many), 400)
    start = photo | {"start": ("s", b"no mask")}
    refused(client.post("/v1/segment", files=start, data={"clicks": "[[1, 1]]"}), 415)


def test_methods_and_paths(served: Any, session: str) -> None:
    refused(served.client.get("/v1/sessions"), 405)
    refused(served.client.patch(session), 405)
    refused(served.client.put(session), 405)
    refused(served.client.get("/no/such/path"), 404)
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page/%00"):
        refused(served.client.get(path), 404)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BackendError("/secret/model.onnx failed"), 503, "engine_failed"),
        (ModelError("/secret/model.onnx answers nonsense"), 500, "failed"),
        (RuntimeError("/secret/runtime.py"), 500, "failed"),
    ],
)
def test_failures_of_our_own_tell_no_secrets(
    served: Any,
    cat: bytes,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    path = served.open(cat)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Session, "click", fail)
    reply = httpx.post(f"{served.address.rstrip('/')}{path}/clicks", json={"x": 230, "y": 110})
    refused(reply, status, code)
    assert "secret" not in reply.text and "default-src" in reply.headers["Content-Security-Policy"]
    monkeypatch.undo()
    # On a connection of its own: after what nobody foresaw the server closes the one it had.
    again = httpx.post(f"{served.address.rstrip('/')}{path}/clicks", json={"x": 230, "y": 110})
    assert again.status_code == 200


def test_a_session_survives_all_this(served: Any, session: str) -> None:
    assert served.client.post(f"{session}/clicks", json={"x": 230, "y": 110}).status_code == 200
    for kind in FORMATS:
        assert served.client.get(f"{session}/result", params={"format": kind}).status_code == 200


def test_a_form_for_a_session_is_told_from_a_photo(served: Any, cat: bytes) -> None:
    reply = served.client.post("/v1/sessions", files={"photo": ("cat.jpg", cat)})
    assert "is a form; send the photo's bytes alone" in refused(reply, 415, "not_a_photo")
    reply = served.client.post("/v1/sessions", content=b"no photo")
    assert "is not a JPEG" in refused(reply, 415, "not_a_photo")
