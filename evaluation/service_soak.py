"""People who come, click for a while and go, some without a word: does the service's memory stay
flat, and does it never fail?
"""

from __future__ import annotations

import asyncio
import collections
import io
import re
import time
from typing import Any

import numpy as np
from PIL import Image

from ioebss.errors import BackendError
from ioebss.evaluation.service_client import Client
from ioebss.image_files import decode_photo
from ioebss.progress import Progress

LOOKS = 60  # at the memory
MAX_CLICKS = 12  # of one visit
SIDES = (0.4, 1.0)  # of the photo, smallest and largest
RUDE = 0.1  # share of visits that hang up in the middle of a request
BAD = 0.1  # share of requests that make no sense


async def soak(photo: bytes, port: int, sessions: int, seconds: float) -> dict[str, Any]:
    """Lets visitors come and go.

    Args:
        photo: encoded; visitors bring it in several sizes.
        port: of the service.
        sessions: visitors at a time.
        seconds: that it lasts.

    Returns:
        Statuses counted; the service's memory in MiB as it went, and the mean of its last third
        over that of the middle third.

    Raises:
        BackendError: the service ended.
    """
    statuses: collections.Counter[int] = collections.Counter()
    photos = _sizes(photo)
    end = time.monotonic() + seconds
    memory: list[float] = []
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(sessions):
                group.create_task(_visitors(port, photos, end, number, statuses))
            with Progress().task("soak", LOOKS) as advance:
                for _ in range(LOOKS):
                    await asyncio.sleep(seconds / LOOKS)
                    memory.append(await _resident(port))
                    advance(f"{memory[-1]:.0f} MiB")
    except* BackendError as errors:
        raise errors.exceptions[0] from None  # all say the same
    third = LOOKS // 3
    growth = np.mean(memory[-third:]) / np.mean(memory[third : 2 * third])
    return {
        "sessions": sessions,
        "seconds": seconds,
        "statuses": {str(k): v for k, v in sorted(statuses.items())},
        "server_errors": sum(n for status, n in statuses.items() if status >= 500),
        "memory_mib": [round(value, 1) for value in memory],
        "growth": round(float(growth), 4),
    }


async def _visitors(
    port: int,
    photos: list[tuple[bytes, int, int]],
    end: float,
    seed: int,
    statuses: collections.Counter[int],
) -> None:
    """One after the other."""
    rng = np.random.default_rng(seed)
    while time.monotonic() < end:
        client = Client(port)
        await _visit(client, photos[rng.integers(len(photos))], rng, statuses)
        client.close()


async def _visit(
    client: Client,
    photo: tuple[bytes, int, int],
    rng: np.random.Generator,
    statuses: collections.Counter[int],
) -> None:
    data, width, height = photo
    reply = await client.ask("POST", "/v1/sessions", data, "image/jpeg")
    statuses[reply.status] += 1
    if reply.status != 201:
        await asyncio.sleep(1)
        return
    session = f"/v1/sessions/{reply.json['id']}"
    for number in range(rng.integers(1, MAX_CLICKS + 1)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        reply = await client.click(session, x, y, 1 if number == 0 else int(rng.integers(2)))
        statuses[reply.status] += 1
        if reply.status == 404:  # others needed the room
            return
        for target in ("undo", "redo", "reset") if rng.random() < BAD else ():
            statuses[(await client.ask("POST", f"{session}/{target}")).status] += 1
        if rng.random() < BAD:
            statuses[(await client.click(session, width, -1, 1)).status] += 1
        await asyncio.sleep(float(rng.exponential(0.5)))
    if rng.random() < RUDE:
        await client.send("POST", f"{session}/clicks", b'{"x":1,"y":1}', "application/json")
        return
    for target in ("result?format=cutout", "result?format=json", "photo"):
        statuses[(await client.ask("GET", f"{session}/{target}")).status] += 1
    if rng.random() < 0.5:  # the others leave their session behind
        statuses[(await client.ask("DELETE", session)).status] += 1


async def _resident(port: int) -> float:
    """The service's memory in MiB."""
    client = Client(port)
    text = (await client.ask("GET", "/metrics")).body.decode()
    client.close()
    found = re.search(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    return float(found[1]) / 2**20 if found else float("nan")


def _sizes(photo: bytes) -> list[tuple[bytes, int, int]]:
    pixels, _ = decode_photo(photo)
    result = []
    for scale in np.linspace(*SIDES, 4):
        size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
        buffer = io.BytesIO()
        Image.fromarray(pixels).resize(size).save(buffer, "JPEG", quality=90)
        result.append((buffer.getvalue(), *size))
    return result
