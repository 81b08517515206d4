"""`ioebss-run photo.jpg --clicks`: the page with one photo, for the person who typed it."""

from __future__ import annotations

import asyncio
import getpass
import io
import os
import secrets
import signal
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ioebss.errors import PhotoSizeError

if TYPE_CHECKING:
    from ioebss.segmenter import Segmenter
    from ioebss.serving.service import Service
    from ioebss.serving.settings import Settings

HOST = "127.0.0.1"
MAX_PHOTO_MEBIBYTES = 512


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
        PhotoSizeError: the photo is too large to be served.
    """
    from ioebss.serving.app import create_app
    from ioebss.serving.server import address_of, bind, serve

    with segmenter.open(photo) as session:
        session.reset(start)  # what is wrong with either is said before anything opens
    token = secrets.token_urlsafe()
    app = create_app(segmenter, _settings(token))
    tasks: set[asyncio.Task[None]] = set()  # or nothing would hold it while it runs
    failures: list[BaseException] = []

    async def show(address: str) -> None:
        try:
            session = await _open(app.state.service, photo, start)
            what = urlencode({"token": token, "session": session, "name": photo.name})
            await asyncio.to_thread(_show, f"{address}#{what}", photo.name)
        except BaseException as error:
            failures.append(error)
            signal.raise_signal(signal.SIGINT)  # as the person would end it

    with bind(HOST, 0) as listening:
        address = address_of(listening)
        serve(app, listening, lambda: tasks.add(asyncio.ensure_future(show(address))))
    if failures:
        raise failures[0]


def _settings(token: str) -> Settings:
    """One person's own photos: as large as `ioebss-run` itself reads them."""
    from ioebss.image_files import MAX_PIXELS
    from ioebss.serving.security import LOOPBACK
    from ioebss.serving.settings import MEBIBYTE, Settings

    return Settings(
        token=token,
        hosts=LOOPBACK,
        max_photo_bytes=MAX_PHOTO_MEBIBYTES * MEBIBYTE,
        max_body_bytes=2 * MAX_PHOTO_MEBIBYTES * MEBIBYTE,
        max_pixels=MAX_PIXELS,
    )


async def _open(service: Service, photo: Path, start: NDArray[np.bool_] | None) -> str:
    """Opens a session with the photo; its id."""
    from ioebss.serving.errors import ServiceError

    try:
        opened = await service.open(photo.read_bytes(), HOST, photo.name)
    except ServiceError as error:
        raise PhotoSizeError(f"{photo}: {error.detail}") from None
    session = str(opened["id"])
    if start is not None:
        buffer = io.BytesIO()
        Image.fromarray(start.astype(np.uint8) * 255).save(buffer, "PNG")
        await service.start(session, buffer.getvalue(), HOST, "none")
    return session


def _show(address: str, name: str) -> None:
    """Prints the address, and opens a browser where its window would be seen."""
    print(f"{name} waits for clicks at\n  {address}", flush=True)
    if not _has_display() or not webbrowser.open(address):
        port = urlsplit(address).port
        print(
            "There is no display here. Where there is one, type\n"
            f"  ssh -N -L {port}:{HOST}:{port} {_user()}@{socket.gethostname()}\n"
            "and open the address in the browser there.",
            flush=True,
        )
    print("Ctrl-C ends it.", flush=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container a user may have no name
        return "user"


def _has_display() -> bool:
    """Whether a browser that is started here is seen by the person who typed the command."""
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
