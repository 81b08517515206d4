"""`ioebss-run photo.jpg --clicks` up to the page: what it prints, opens, refuses and imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image

from ioebss.serving import open_page

pytest.importorskip("fastapi", reason="the page needs the [serve] extra")

MakeModel = Callable[..., Path]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = Path(sys.executable).with_name("ioebss-run")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(path)
    return path


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    known = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "BROWSER")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    command = [str(RUN), *map(str, arguments), "--clicks"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment | variables, **pipes)


def address_of(process: subprocess.Popen[str]) -> tuple[str, dict[str, str]]:
    """The page's base address, and what its fragment says."""
    assert process.stdout is not None
    assert process.stdout.readline() == "photo.jpg waits for clicks at\n"
    base, _, fragment = process.stdout.readline().strip().partition("#")
    return base, {name: values[0] for name, values in parse_qs(fragment).items()}


def end(process: subprocess.Popen[str]) -> str:
    """Ctrl-C; what was printed since."""
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None and process.stderr is not None
    output, errors = process.stdout.read(), process.stderr.read()
    assert process.wait(30) == 0, errors
    assert errors == ""
    return output


def get(base: str, path: str, token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}"}
    with OPENER.open(urllib.request.Request(base + path, None, headers)) as answer:
        return bytes(answer.read())


def test_without_a_display_it_prints_the_way_and_ctrl_c_ends_it(
    make_model: MakeModel, photo: Path
) -> None:
    mask = np.zeros((96, 128), np.uint8)
    mask[10:40, 20:60] = 255
    Image.fromarray(mask).save(photo.with_name("start.png"))
    process = start(photo, "--model", make_model(), "--start", photo.with_name("start.png"))
    base, opened = address_of(process)
    port = base.rstrip("/").rpartition(":")[2]
    assert base == f"http://127.0.0.1:{port}/"
    assert opened["name"] == "photo.jpg"
    path = f"v1/sessions/{opened['session']}"
    state = json.loads(get(base, path, opened["token"]))
    assert state["started"] and not state["clicks"]
    assert json.loads(get(base, f"{path}/result?format=json", opened["token"]))["area"] == 30 * 40
    assert get(base, f"{path}/photo", opened["token"]) == photo.read_bytes()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(base, path, "not-the-token-at-all")
    printed = end(process)
    assert f"ssh -N -L {port}:127.0.0.1:{port} " in printed
    assert "Ctrl-C ends it." in printed


@pytest.mark.parametrize("remote", [False, True])
def test_with_a_display_it_opens_the_browser_unless_that_is_far_away(
    make_model: MakeModel, photo: Path, remote: bool
) -> None:
    """The browser is a script that writes down what it is asked to open."""
    asked = photo.with_name("asked")
    browser = photo.with_name("browser")
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {asked}.new && mv {asked}.new {asked}\n')
    browser.chmod(0o755)
    variables = {"DISPLAY": ":7", "BROWSER": str(browser)}
    if remote:
        variables["SSH_CONNECTION"] = "192.0.2.1 50000 192.0.2.2 22"
    process = start(photo, "--model", make_model(), **variables)
    base, opened = address_of(process)
    assert process.stdout is not None
    assert ("no display" in process.stdout.readline()) == remote
    end(process)
    assert asked.exists() == (not remote)
    if not remote:
        assert asked.read_text().startswith(f"{base}#token={opened['token']}&session=")


def test_a_user_without_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container that runs under a number."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 9)
    open_page._show("http://127.0.0.1:8000/#x", "photo.jpg")
    assert "ssh -N -L 8000:127.0.0.1:8000 user@" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.jpg", "photo.jpg", "--clicks"], "the page opens one photo"),
        ([".", "--clicks"], "the page opens one photo"),
        (["photo.jpg", "--clicks", "--clicks", "3,4"], "not both"),
        (["photo.jpg", "--clicks", "--output", "out.png"], "for clicks that are given"),
        (["photo.jpg", "--clicks", "--format", "overlay"], "for clicks that are given"),
        (["photo.jpg", "--clicks", ""], "is no click"),
        (["photo.jpg", "--clicks", "--start", "small.png"], "the mask has shape"),
    ],
)
def test_wrong_usage(call: Command, photo: Path, arguments: list[str], message: str) -> None:
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(photo.with_name("small.png"))
    result = call("ioebss-run", *arguments)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_no_photo(call: Command, photo: Path) -> None:
    photo.write_text("no photo")
    result = call("ioebss-run", photo, "--clicks")
    assert result.returncode == 1
    assert "is not a JPEG" in result.stderr


def test_a_photo_that_there_is_no_room_for(
    call: Command, make_model: MakeModel, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found out when the page is served already, which ends it."""
    settings = replace(open_page._settings("x" * 16), max_session_bytes=1000)
    monkeypatch.setattr(open_page, "_settings", lambda token: settings)
    result = call("ioebss-run", photo, "--clicks", "--model", make_model())
    assert result.returncode == 1
    assert "photo.jpg: the photo needs more memory than sessions may" in result.stderr


def run_main(
    command: str, blocked: tuple[str, ...], *arguments: object
) -> subprocess.CompletedProcess[str]:
    """A command where some packages are not installed; prints what it imported."""
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"from {command} import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules)\n"
    )
    words = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_without_the_extra_it_says_what_to_install(photo: Path) -> None:
    result = run_main("ioebss.cli", ("fastapi", "uvicorn"), photo, "--clicks")
    assert result.returncode == 1
    assert 'the page needs fastapi and uvicorn: pip install "ioebss[serve]"; or' in result.stderr
    result = run_main("ioebss.serving.cli", ("prometheus_client",))
    assert result.returncode == 1
    assert 'the service needs prometheus_client: pip install "ioebss[serve]"\n' in result.stderr


def test_given_clicks_load_no_web_server(make_model: MakeModel, photo: Path) -> None:
    result = run_main("ioebss.cli", (), photo, "--clicks", "40,50", "--model", make_model())
    assert result.returncode == 0, result.stderr
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client"}
