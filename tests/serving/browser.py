"""Chromium on the page: what the tests of the page do with it."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARGIN, MARGIN_PART, LARGEST_FIT = 24, 1 / 45, 4  # of view.js
IDLE = "#stage[data-busy=false]"


@contextmanager
def serving(photo: Path, *arguments: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Runs `ioebss-run PHOTO --clicks` as from a terminal without a display; the page's address."""
    program = Path(sys.executable).with_name("ioebss-run")
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    process = subprocess.Popen(
        [str(program), str(photo), *map(str, arguments), "--clicks"],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in hidden},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"{photo.name} waits for clicks at\n"
        yield process.stdout.readline().strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        process.stdout.close()


class Screen:
    """A photo on the page's stage, whole: where its pixels are on the screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.wait_for_selector(f"{IDLE}:visible")
        self.settled()
        self.width, self.height = map(int, re.findall(r"\d+", page.inner_text("#size")))
        box = page.evaluate("document.querySelector('#stage').getBoundingClientRect().toJSON()")
        margin = min(MARGIN, MARGIN_PART * min(box["width"], box["height"]))
        across = (box["width"] - 2 * margin) / self.width
        self.scale = min(across, (box["height"] - 2 * margin) / self.height, LARGEST_FIT)
        self.left = box["x"] + (box["width"] - self.scale * self.width) / 2
        self.top = box["y"] + (box["height"] - self.scale * self.height) / 2

    def at(self, x: int, y: int) -> tuple[float, float]:
        """Where the middle of a photo pixel is."""
        return self.left + (x + 0.5) * self.scale, self.top + (y + 0.5) * self.scale

    def click(self, x: int, y: int, button: str = "left") -> None:
        """Clicks on a pixel and waits for the mask."""
        self.page.mouse.click(*self.at(x, y), button=button)  # type: ignore[arg-type]
        self.settled()

    def settled(self) -> None:
        """Waits until everything asked for is answered and drawn."""
        self.page.wait_for_selector(IDLE)
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def clicks(self) -> int:
        """How many are shown."""
        return int(self.page.get_attribute("#stage", "data-clicks") or 0)

    def status(self) -> str:
        """What the page says of the mask, e.g. "1 click, 66.5 % of the photo"."""
        return self.page.inner_text("#answer")

    def picture(self) -> NDArray[np.int16]:
        """What is seen of the photo: (height, width, 3), one value per photo pixel."""
        seen = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        columns = (self.left + (np.arange(self.width) + 0.5) * self.scale).astype(int)
        rows = (self.top + (np.arange(self.height) + 0.5) * self.scale).astype(int)
        return np.asarray(seen, np.int16)[rows[:, None], columns[None]]

    def shows(self, picture: NDArray[np.int16], seconds: float = 10) -> None:
        """Waits until this is what is seen; a busy machine takes a while to draw."""
        end = time.monotonic() + seconds
        while not np.array_equal(self.picture(), picture) and time.monotonic() < end:
            self.page.wait_for_timeout(50)
        np.testing.assert_array_equal(self.picture(), picture)

    def tinted(self, photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where the picture is nearer to the mask's colour over the photo than to the photo."""
        picture = self.picture()
        blue = 0.55 * photo + 0.45 * np.array([30, 144, 255])
        far = np.abs(picture - photo).sum(2), np.abs(picture - blue).sum(2)
        return far[1] < far[0]

    def save(self, folder: Path, kind: str) -> Path:
        """Saves a result through the menu; the file's name is the browser's."""
        self.page.click("#save")
        with self.page.expect_download() as download:
            self.page.click(f"#save-menu button[data-format={kind}]")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path
