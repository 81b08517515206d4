from __future__ import annotations

from typing import Any

import pytest

from ioebss.errors import UsageError
from ioebss.serving.access import settings_for
from ioebss.serving.security import LOOPBACK, host_name

TOKEN = "correct-horse-battery-staple"


def test_without_the_token_only_the_page_and_health_answer(serve: Any, cat: bytes) -> None:
    client = serve(token=TOKEN).client
    for path in ("/", "/page/index.html", "/healthz"):
        assert client.get(path).status_code == 200
    for wrong in (
        "",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        "Bearer",
    ):
        headers = {"Authorization": wrong} if wrong else {}
        for method, path in (("POST", "/v1/sessions"), ("GET", "/metrics"), ("GET", "/nothing")):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code == 401 and reply.json()["error"]["code"] == "token"
            assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert client.get(f"/openapi.json?token={TOKEN}", headers=headers).status_code == 401
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/v1/sessions", content=cat, headers=right).status_code == 201
    right = {"Authorization": f"bearer  {TOKEN}"}
    assert client.get("/metrics", headers=right).status_code == 200


def test_other_names_for_this_machine(serve: Any) -> None:
    """DNS rebinding: the browser asks 127.0.0.1 in the name of the page's own host."""
    client = serve(hosts=LOOPBACK).client
    odd = ("evil@127.0.0.1", "127.0.0.1/evil", "localhost?", "localhost#", "localhost.")
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", *odd):
        reply = client.get("/healthz", headers={"Host": host})
        assert reply.status_code in (400, 421), host
    for host in ("127.0.0.1:1", "localhost", "LOCALHOST:8000", "[::1]:8000"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_other_pages_may_not_write(serve: Any, cat: bytes) -> None:
    served = serve()
    own = served.address.rstrip("/")
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://[", own + "0"):
        reply = served.client.post("/v1/sessions", content=cat, headers={"Origin": origin})
        assert reply.status_code == 403 and reply.json()["error"]["code"] == "foreign_origin"
        assert "access-control-allow-origin" not in reply.headers
    reply = served.client.post("/v1/sessions", content=cat, headers={"Origin": own})
    assert reply.status_code == 201


def test_headers_are_on_every_answer(serve: Any) -> None:
    client = serve(token=TOKEN).client
    for path in ("/", "/healthz", "/nothing", "/page/nothing"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    preflight = client.options("/v1/sessions", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    ("header", "name"),
    [("a.B:80", "a.b"), ("[::1]:8000", "::1"), ("::1", ""), ("", ""), ("[", ""), ("x:y:z", "x")],
)
def test_host_names(header: str, name: str) -> None:
    assert host_name(header) == name


def test_settings_that_would_not_be_safe() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(UsageError, match="token"):
            settings_for(host)
        assert settings_for(host, TOKEN).hosts == frozenset()
    for host in ("127.0.0.1", "localhost", "::1"):
        assert settings_for(host).hosts == LOOPBACK
    assert settings_for("127.0.0.1", None, ["Proxy.Example"]).hosts == LOOPBACK | {"proxy.example"}
    names = ["a.example:8443", "[::2]:80", "::3"]
    assert settings_for("::", TOKEN, names).hosts == {"a.example", "::2", "::3"}
    for name in ("https://a.example", "a.example/page", ""):
        with pytest.raises(UsageError, match="host name"):
            settings_for("::", TOKEN, [name])
    for token in ("short", "x" * 15, "with space " * 3, "line\n" * 5, "ü" * 20, ""):
        with pytest.raises(UsageError, match="token"):
            settings_for("127.0.0.1", token)


@pytest.mark.parametrize(
    "options",
    [
        ("--host", "0.0.0.0"),
        ("--token", "short"),
        ("--port", "70000"),
        ("--host", "no.such.host.invalid"),
        ("--sessions", "0"),
        ("--precision", "fp1"),
    ],
)
def test_wrong_usage_of_the_command(call: Any, options: tuple[str, ...]) -> None:
    result = call("ioebss-serve", *options)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert result.stderr.strip()


def test_a_port_that_is_taken(call: Any, served: Any) -> None:
    port = served.address.rstrip("/").rpartition(":")[2]
    result = call("ioebss-serve", "--port", port)
    assert result.returncode == 1 and port in result.stderr and "Traceback" not in result.stderr
