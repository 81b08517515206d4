"""`ioebss-run photo.jpg --clicks`: the page with one photo, for the person who typed it."""

from __future__ import annotations

import getpass
import http.client
import importlib.util
import io
import json
import os
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ioebss.errors import ImageError, IoebssError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import uvicorn

    from ioebss.segmenter import Segmenter

HOST = "127.0.0.1"
NEEDED = ("fastapi", "uvicorn", "prometheus_client")
START_SECONDS = 30.0
STOP_SECONDS = 5  # that answers which are under way may take


def check_extra() -> None:
    """Raises MissingExtraError if what the page needs is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f'the page needs {" and ".join(missing)}: pip install "ioebss[serve]"; '
            "or give the clicks, e.g. --clicks 320,240"
        )


def open_page(segmenter: Segmenter, photo: Path, start: NDArray[np.bool_] | None = None) -> None:
    """Serves the page on a port of its own, shows it in the browser, and waits for Ctrl-C.

    Only this machine reaches it, and only who has its random token, which is part of the address.
    Without a display the address is printed with the ssh command that brings the page to where
    there is one.

    Args:
        segmenter: answers the clicks.
        photo: that is opened; others may be opened in the page.
        start: a mask to start from, bool (H, W).

    Raises:
        ImageError: the photo cannot be read.
        UsageError: the mask does not fit the photo or the model.
        MissingExtraError: see `check_extra`.
        IoebssError: the service does not start.
    """
    check_extra()
    token = secrets.token_urlsafe()
    try:
        with _serving(segmenter, token) as port:
            session = _open(port, token, photo, start)
            what = urlencode({"token": token, "session": session, "name": photo.name})
            address = f"http://{HOST}:{port}/#{what}"
            print(f"{photo.name} waits for clicks at\n  {address}", flush=True)
            if not _has_display() or not webbrowser.open(address):
                _print_tunnel(port)
            print("Ctrl-C ends it.", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("\nended", flush=True)


@contextmanager
def _serving(segmenter: Segmenter, token: str) -> Iterator[int]:
    """Runs the service in a thread; gives its port."""
    import uvicorn

    from ioebss.image_files import MAX_PIXELS
    from ioebss.serving.app import create_app
    from ioebss.serving.security import LOOPBACK
    from ioebss.serving.settings import MEBIBYTE, Settings

    # One person's own photos: as large as `ioebss-run` itself reads them.
    settings = Settings(
        token=token,
        hosts=LOOPBACK,
        max_photo_bytes=512 * MEBIBYTE,
        max_body_bytes=1024 * MEBIBYTE,
        max_pixels=MAX_PIXELS,
    )
    listener = socket.create_server((HOST, 0))
    config = uvicorn.Config(
        create_app(segmenter, settings),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(2 * STOP_SECONDS)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise IoebssError("the page's service did not start; see the lines above")
        time.sleep(0.01)


def _open(port: int, token: str, photo: Path, start: NDArray[np.bool_] | None) -> str:
    """Opens a session with the photo; its id."""
    status, answer = _ask(port, token, "POST", "/v1/sessions", photo.read_bytes(), "image/*")
    if status != 201:
        raise ImageError(f"{photo}: {_message(answer)}")
    session = str(answer["id"])
    if start is not None:
        buffer = io.BytesIO()
        Image.fromarray(start.astype(np.uint8) * 255).save(buffer, "PNG")
        path = f"/v1/sessions/{session}/start?mask=none"
        status, answer = _ask(port, token, "PUT", path, buffer.getvalue(), "image/png")
        if status != 200:
            raise UsageError(f"--start: {_message(answer)}")
    return session


def _ask(
    port: int, token: str, method: str, path: str, body: bytes, kind: str
) -> tuple[int, dict[str, object]]:
    """A request to our own service; no proxy is between."""
    connection = http.client.HTTPConnection(HOST, port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def _message(answer: dict[str, object]) -> object:
    error = answer.get("error")
    return error.get("message", error) if isinstance(error, dict) else answer


def _has_display() -> bool:
    """Whether a browser that is started here is seen by the person who typed the command."""
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _print_tunnel(port: int) -> None:
    print(
        "There is no display here. Where there is one, type\n"
        f"  ssh -N -L {port}:{HOST}:{port} {getpass.getuser()}@{socket.gethostname()}\n"
        "and open the address in the browser there.",
        flush=True,
    )
