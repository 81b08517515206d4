"""Bounds: of bodies, pixels, sessions and the queue."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from ioebss.errors import PhotoSizeError
from ioebss.image_files import decode_mask, decode_photo
from ioebss.serving import app
from ioebss.serving.errors import ServiceError

from .conftest import until


def bomb(width: int, height: int, mode: int = 2) -> bytes:
    """A valid black PNG: a few kilobytes that are many pixels. Mode 2 is colour, 0 grey; the height
    is a multiple of 100."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    # Blocks of 100 rows of nothing, which a full flush lets stand one after the other.
    block = bytes(100 * (1 + width * (3 if mode == 2 else 1)))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    count = height // 100
    checksum = (len(block) * count % 65521) << 16 | 1  # Adler-32 of zeros
    rows = b"\x78\xda" + packed * count + b"\x03\x00" + struct.pack(">I", checksum)
    header = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def exchange(served: Any, *parts: bytes) -> bytes:
    """Sends bytes as they are, and returns what comes back until the other side closes."""
    with served.connect() as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while part := connection.recv(65536):
            received += part
            head, end, body = received.partition(b"\r\n\r\n")
            if end and len(body) >= int(head.lower().partition(b"content-length: ")[2].split()[0]):
                break
        return received


def head(path: str, length: int, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def test_a_bomb_is_not_decoded(serve: Any) -> None:
    """15000 x 10000 pixels, 450 MB when decoded, in half a megabyte; a small one of the same making
    is decoded, so it would be."""
    small = bomb(200, 100)
    assert decode_photo(small)[0].shape == (100, 200, 3)
    large = bomb(15_000, 10_000)
    assert len(large) < 500_000
    tracemalloc.start()
    for decode in (decode_photo, decode_mask):
        with pytest.raises(PhotoSizeError, match="15000x10000"):
            decode(large)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    client = serve().client
    reply = client.post("/v1/sessions", content=large)
    assert reply.status_code == 413 and reply.json()["error"]["code"] == "too_many_pixels"
    files = {"photo": ("p", large)}
    reply = client.post("/v1/segment", files=files, data={"clicks": "[[1, 1]]"})
    assert reply.status_code == 413


def test_pixels_are_bounded_by_the_settings(serve: Any) -> None:
    served = serve(max_pixels=20_000)
    path = served.open(bomb(200, 100))
    reply = served.client.post("/v1/sessions", content=bomb(200, 200))
    assert reply.json()["error"]["code"] == "too_many_pixels"
    reply = served.client.put(f"{path}/start", content=bomb(200, 200, mode=0))
    assert reply.json()["error"]["code"] == "too_many_pixels"
    assert served.client.put(f"{path}/start", content=bomb(200, 100, mode=0)).status_code == 200


def test_bodies_that_are_too_large(serve: Any, cat: bytes) -> None:
    served = serve(max_photo_bytes=40_000, max_json_bytes=100)
    path = served.open(cat)
    large = cat + bytes(40_000 - len(cat) + 1)

    def in_parts() -> Iterator[bytes]:
        yield from (large[i : i + 1000] for i in range(0, len(large), 1000))

    for target in ("/v1/sessions", "/v1/segment"):
        for body in (large, in_parts()):
            reply = served.client.post(target, content=body)
            assert reply.status_code == 413 and reply.json()["error"]["code"] == "too_large"
    reply = served.client.post(f"{path}/clicks", content=b" " * 101)
    assert reply.status_code == 413
    assert served.client.put(f"{path}/start", content=large).status_code == 413
    assert served.client.post(f"{path}/clicks", json={"x": 1, "y": 1}).status_code == 200


def test_what_is_declared_too_large_is_not_waited_for(serve: Any) -> None:
    """The answer comes although not a byte of the body does. So it does without the token."""
    assert b" 413 " in exchange(serve(), head("/v1/sessions", 10**12))
    guarded = serve(token="correct-horse-battery-staple")
    assert b" 401 " in exchange(guarded, head("/v1/sessions", 1000))


def test_a_slow_body_is_not_waited_for_for_ever(serve: Any) -> None:
    served = serve(body_seconds=0.3)
    received = exchange(served, head("/v1/sessions", 1000), b"x" * 10)
    assert b" 408 " in received and b'"too_slow"' in received
    assert served.client.get("/healthz").status_code == 200


def test_headers_without_end(served: Any) -> None:
    """They are neither kept nor waited for."""
    with served.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises(ConnectionError):  # before all of it is taken
            connection.sendall(b"X: " + b"x" * 50_000_000)
    assert served.client.get("/healthz").status_code == 200


def test_a_body_in_very_small_parts(serve: Any) -> None:
    """A client that sends byte by byte costs time in proportion, not in its square."""
    served = serve(max_photo_bytes=30_000)
    received = exchange(
        served,
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
    )
    assert b" 415 " in received


def test_all_bodies_together_are_bounded(serve: Any) -> None:
    served = serve(max_body_bytes=5000)

    def refused() -> bool:
        """One of two that arrive together; which of them, they race for."""
        with served.connect() as slow:
            slow.sendall(head("/v1/sessions", 4000) + b"x" * 3000)
            time.sleep(0.02)
            reply = served.client.post("/v1/sessions", content=b"x" * 3000)
            return reply.status_code == 429 and "Retry-After" in reply.headers

    until(refused)
    # Its bytes are given back when it hangs up.
    until(lambda: served.client.post("/v1/sessions", content=b"x" * 4999).status_code == 415)


def test_the_least_recently_used_session_goes(serve: Any, cat: bytes) -> None:
    served = serve(max_sessions=2)
    first, second = served.open(cat), served.open(cat)
    served.client.get(first)
    third = served.open(cat)
    statuses = [served.client.get(path).status_code for path in (first, second, third)]
    assert statuses == [200, 404, 200]
    assert 'ioebss_evictions_total{reason="count"} 1.0' in served.client.get("/metrics").text


def test_a_session_that_grows_by_a_click_makes_idle_ones_go(serve: Any, cat: bytes) -> None:
    served = serve()
    path = served.open(cat)
    each = served.service.sessions.bytes
    served.client.delete(path)
    served = serve(max_session_bytes=2 * each)
    idle, used = served.open(cat), served.open(cat)
    assert served.client.get(idle).status_code == 200
    reply = served.client.post(f"{used}/clicks?mask=none", json={"x": 230, "y": 110})
    assert reply.status_code == 200
    statuses = [served.client.get(path).status_code for path in (idle, used)]
    assert statuses == [404, 200]


def test_old_sessions_go_although_nobody_asks(
    serve: Any, cat: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)
    served = serve(session_seconds=0.2)
    served.open(cat)
    until(lambda: len(served.service.sessions) == 0)
    assert 'ioebss_evictions_total{reason="age"} 1.0' in served.client.get("/metrics").text


def test_a_full_queue_answers_429_and_nothing_is_lost(serve: Any, cat: bytes) -> None:
    served = serve(max_waiting=3)
    paths = [served.open(cat) for _ in range(6)]

    def click(path: str) -> Any:
        return served.client.post(f"{path}/clicks?mask=none", json={"x": 230, "y": 110})

    with ThreadPoolExecutor(6) as pool:
        with served.busy():
            replies = [pool.submit(click, path) for path in paths]
            until(lambda: sum(reply.done() for reply in replies) == 3)
            for reply in (r.result() for r in replies if r.done()):
                assert reply.status_code == 429 and reply.json()["error"]["code"] == "busy"
                assert int(reply.headers["Retry-After"]) >= 1
            assert served.client.get("/healthz").status_code == 200  # others are answered
        statuses = [reply.result().status_code for reply in replies]
    assert sorted(statuses) == [200] * 3 + [429] * 3
    for path, status in zip(paths, statuses, strict=True):
        assert len(served.client.get(path).json()["clicks"]) == (status == 200)


def test_clients_that_are_gone_cost_nothing(serve: Any, cat: bytes) -> None:
    served = serve()
    path, other = served.open(cat), served.open(cat)
    body = b'{"x": 230, "y": 110}'
    request = head(f"{path}/clicks", len(body), "Content-Type: application/json\r\n") + body
    with ThreadPoolExecutor(1) as pool:
        with served.busy():
            for _ in range(3):
                with served.connect() as gone:
                    gone.sendall(request)
                    until(lambda: served.service.network.waiting == 1)
                until(lambda: served.service.network.waiting == 0)
            stays = pool.submit(
                served.client.post,
                f"{other}/clicks?mask=none",
                content=body,
                headers={"Content-Type": "application/json"},
            )
            until(lambda: served.service.network.waiting == 1)
        assert stays.result().status_code == 200
    assert served.client.get(path).json()["clicks"] == []
    assert 'status="gone"' in served.client.get("/metrics").text


def test_deleting_while_a_click_waits(serve: Any, cat: bytes) -> None:
    served = serve()
    path = served.open(cat)
    with ThreadPoolExecutor(1) as pool:
        with served.busy():
            waits = pool.submit(served.client.post, f"{path}/clicks", json={"x": 230, "y": 110})
            until(lambda: served.service.network.waiting == 1)
            assert served.client.delete(path).status_code == 204
            assert served.client.get(path).status_code == 404
        assert waits.result().status_code == 200
    assert len(served.service.sessions) == 0


def test_all_sessions_in_use(serve: Any, cat: bytes) -> None:
    served = serve(max_sessions=1)
    path = served.open(cat)
    with ThreadPoolExecutor(1) as pool, served.busy():
        waits = pool.submit(served.client.post, f"{path}/clicks", json={"x": 230, "y": 110})
        until(lambda: served.service.network.waiting == 1)
        reply = served.client.post("/v1/sessions", content=cat)
        assert reply.status_code == 429 and "Retry-After" in reply.headers
    assert waits.result().status_code == 200


def test_what_waits_for_the_network_counts_as_memory(serve: Any) -> None:
    """A photo that is not kept takes as much while it waits: it makes idle sessions go, and where
    nothing idle is left it has to come again."""
    photo, mask = bomb(1000, 1000), bomb(1000, 1000, mode=0)
    served = serve(max_session_bytes=100_000_000)
    path = served.open(photo)
    each = served.service.sessions.bytes
    served.client.delete(path)
    served = serve(max_session_bytes=int(2.5 * each))
    idle = served.open(photo)

    def segment() -> Any:
        files, data = {"photo": ("p", photo)}, {"clicks": "[[1, 1]]"}
        return served.client.post("/v1/segment?mask=none", files=files, data=data)

    with ThreadPoolExecutor(3) as pool:
        with served.busy():
            waiting = [pool.submit(segment)]
            until(lambda: served.service.network.waiting == 1)
            assert served.client.get(idle).status_code == 200
            waiting.append(pool.submit(segment))
            until(lambda: served.service.network.waiting == 2)
            assert served.client.get(idle).status_code == 404
            reply = segment()
            assert reply.status_code == 429 and "Retry-After" in reply.headers
            assert served.service.sessions.bytes > 2 * 6_000_000
        assert [reply.result().status_code for reply in waiting] == [200, 200]
        assert served.service.sessions.bytes == 0
        path = served.open(photo)
        before = served.service.sessions.bytes
        with served.busy():
            waits = pool.submit(served.client.put, f"{path}/start?mask=none", content=mask)
            until(lambda: served.service.network.waiting == 1)
            assert served.service.sessions.bytes == before + 1_000_000
        assert waits.result().status_code == 200


def test_json_of_very_many_values(served: Any) -> None:
    """A few megabytes of it would be hundreds in memory."""
    kind = {"Content-Type": "application/json"}
    for one in (b"{},", b"[],", b"1,"):
        body = b'{"tasks": [' + one * (2_000_000 if one == b"1," else 120_000) + one[:-1] + b"]}"
        reply = served.client.post("/label-studio/predict", content=body, headers=kind)
        assert reply.status_code == 413 and "too many values" in reply.json()["error"]["message"]
    body = b'{"tasks": [' + b"1," * 1_000_000 + b"1]}"
    reply = served.client.post("/label-studio/predict", content=body, headers=kind)
    assert reply.status_code == 422


def test_results_do_not_keep_clicks_waiting(serve: Any, cat: bytes) -> None:
    """They are made in a lane of their own, which is bounded too."""
    served = serve(max_waiting=2)
    path = served.open(cat)
    with ThreadPoolExecutor(3) as pool:
        with served.busy("results"):
            results = [pool.submit(served.client.get, f"{path}/result") for _ in range(2)]
            until(lambda: served.service.results.waiting == 2)
            reply = served.client.get(f"{path}/result")
            assert reply.status_code == 429 and "Retry-After" in reply.headers
            reply = served.client.post(f"{path}/clicks", json={"x": 230, "y": 110})
            assert reply.status_code == 200
        assert [result.result().status_code for result in results] == [200, 200]


def test_a_photo_larger_than_all_memory_for_sessions(serve: Any) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 1000)).save(buffer, "PNG")
    served = serve(max_session_bytes=5_000_000)
    reply = served.client.post("/v1/sessions", content=buffer.getvalue())
    assert reply.status_code == 413 and reply.json()["error"]["code"] == "too_large"
    assert ServiceError(429, "busy", "", 2).headers == {"Retry-After": "2"}
