"""What the service costs: clicks a second of many clients beside those of the bare network, and the
time that a click takes on top of the network's; and whether it lasts.

    python -m ioebss.evaluation.service_load load --clients 16 --seconds 60 --out load.json
    python -m ioebss.evaluation.service_load soak --minutes 30 --sessions 50 --out soak.json
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ioebss.atomic import write_text_atomically
from ioebss.command import run_command
from ioebss.errors import BackendError, UsageError
from ioebss.evaluation.service_client import Client, running_service
from ioebss.evaluation.service_soak import soak
from ioebss.image_files import decode_photo
from ioebss.progress import Progress
from ioebss.provenance import provenance
from ioebss.segmenter import BUNDLED, Segmenter

SAMPLE = BUNDLED.parents[1] / "samples" / "chelsea.jpg"
CLICKS = 10  # on a photo, then again from the first
ROUNDS = 6  # turns of the bare network and of the service
OPTIONS = {"model": str, "backend": str, "precision": str, "threads": int, "size": int}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        "python -m ioebss.evaluation.service_load",
        description="Measure ioebss-serve on this machine, over loopback.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    load = kinds.add_parser("load", help="throughput and latency beside the bare network")
    load.add_argument("--clients", type=int, default=16, help="at a time (%(default)s)")
    load.add_argument("--seconds", type=float, default=60, help="of load (%(default)s)")
    lasting = kinds.add_parser("soak", help="sessions that come and go: memory and errors")
    lasting.add_argument("--minutes", type=float, default=30, help="it lasts (%(default)s)")
    lasting.add_argument("--sessions", type=int, default=50, help="at a time (%(default)s)")
    for one in (load, lasting):
        one.add_argument("--photo", type=Path, default=SAMPLE, help="clicked on (a sample)")
        for option, kind in OPTIONS.items():
            one.add_argument(f"--{option}", type=kind, help="as ioebss-serve's")
        one.add_argument("--out", type=Path, metavar="RESULT.json", help="write the result")
    run_command(parser, _run)


def _run(arguments: argparse.Namespace) -> None:
    data = arguments.photo.read_bytes()
    options = [
        word
        for name in OPTIONS
        if (value := getattr(arguments, name)) is not None
        for word in (f"--{name}", str(value))
    ]
    if arguments.kind == "load":
        if arguments.clients < 1 or arguments.seconds <= 0:
            raise UsageError("--clients and --seconds must be positive")
        segmenter = Segmenter(
            arguments.model,
            backend=arguments.backend or "auto",
            precision=arguments.precision or "auto",
            threads=arguments.threads,
            size=arguments.size,
        )
        with running_service(options) as port:
            result = measure_load(segmenter, data, port, arguments.clients, arguments.seconds)
    else:
        if arguments.sessions < 1 or arguments.minutes <= 0:
            raise UsageError("--sessions and --minutes must be positive")
        # Hardly more than visitors at a time: what those before left behind has to go.
        options += ["--sessions", str(arguments.sessions * 6 // 5 + 1)]
        with running_service(options) as port:
            result = asyncio.run(soak(data, port, arguments.sessions, 60 * arguments.minutes))
    command = shlex.join(["python", "-m", "ioebss.evaluation.service_load", *sys.argv[1:]])
    text = json.dumps({"format": 1, **provenance(command), **result}, indent=1) + "\n"
    print(text, end="")
    if arguments.out:
        write_text_atomically(arguments.out, text)


def measure_load(
    segmenter: Segmenter, photo: bytes, port: int, clients: int, seconds: float
) -> dict[str, Any]:
    """The bare network in one thread, the service with one client and with many, in turns.

    Each makes the same clicks on as many sessions on the same photo. Times are milliseconds.

    Args:
        segmenter: the bare network: what the service runs.
        photo: encoded.
        port: of the service.
        clients: at a time.
        seconds: for which many clients click; the others take half as long each.

    Raises:
        BackendError: the service refused a click.
    """
    pixels, _ = decode_photo(photo)
    sessions = [segmenter.open(pixels) for _ in range(clients)]
    clicks = _positions(pixels.shape[1], pixels.shape[0])
    bare: list[float] = []
    one: list[tuple[float, float]] = []
    many: list[tuple[float, float]] = []
    spent = 0.0
    with Progress().task("rounds", ROUNDS) as advance:
        for _ in range(ROUNDS):
            bare += _bare(sessions, clicks, seconds / ROUNDS / 2)
            found, _ = asyncio.run(load(port, photo, clicks, 1, seconds / ROUNDS / 2))
            one += found
            found, took = asyncio.run(load(port, photo, clicks, clients, seconds / ROUNDS))
            many += found
            spent += took
            advance()
    throughput = {"bare": 1e3 * len(bare) / sum(bare), "service": len(many) / spent}
    return {
        "photo": [pixels.shape[1], pixels.shape[0]],
        "clients": clients,
        "clicks_per_second": {k: round(v, 2) for k, v in throughput.items()},
        "ratio": round(throughput["service"] / throughput["bare"], 3),
        "bare": _percentiles(bare),
        "one_client": _percentiles([latency for latency, _ in one]),
        "one_client_added": _percentiles([latency - own for latency, own in one]),
        "many_clients": _percentiles([latency for latency, _ in many]),
    }


def _bare(sessions: list[Any], clicks: list[tuple[int, int, int]], seconds: float) -> list[float]:
    """Milliseconds of each click of one thread; sessions take turns."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    for number in itertools.count():
        for session in sessions:
            if number % CLICKS == 0:
                session.reset()
            started = time.perf_counter()
            session.click(*clicks[number % CLICKS])
            finished = time.perf_counter()
            times.append(1e3 * (finished - started))
            if finished > end:
                return times
    return times


async def load(
    port: int, photo: bytes, clicks: list[tuple[int, int, int]], clients: int, seconds: float
) -> tuple[list[tuple[float, float]], float]:
    """Lets clients click, each on a session of its own.

    Returns:
        Milliseconds of each click as its client sees it, and those that its session took; and for
        how many seconds they clicked. Opening the sessions is not in it, as it is not in the bare
        network's time.

    Raises:
        BackendError: the service refused something, or ended.
    """
    everyone = [Client(port) for _ in range(clients)]
    sessions = await asyncio.gather(*(client.open(photo) for client in everyone))
    started = time.perf_counter()
    pairs = zip(everyone, sessions, strict=True)
    clickers = (_clicker(*pair, clicks, started + seconds) for pair in pairs)
    found = [times for of_one in await asyncio.gather(*clickers) for times in of_one]
    spent = time.perf_counter() - started
    for client, session in zip(everyone, sessions, strict=True):
        await client.ask("DELETE", session)
        client.close()
    return found, spent


async def _clicker(
    client: Client, session: str, clicks: list[tuple[int, int, int]], end: float
) -> list[tuple[float, float]]:
    times = []
    for click in _forever(clicks):
        if click is None:
            await client.ask("POST", f"{session}/reset?mask=none")
            continue
        started = time.perf_counter()
        reply = await client.click(session, *click)
        finished = time.perf_counter()
        if reply.status != 200:
            raise BackendError(f"the service refused a click: {reply.body[:200]!r}")
        stages = reply.json["milliseconds"]
        times.append((1e3 * (finished - started), sum(stages.values()) - stages["queue"]))
        if finished > end:
            break
    return times


def _forever(clicks: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int] | None]:
    """Clicks again and again; None is a reset between."""
    while True:
        yield from clicks
        yield None


def _positions(width: int, height: int) -> list[tuple[int, int, int]]:
    """A click in the middle, then others around it, on and off the object."""
    rng = np.random.default_rng(0)
    middle = (width // 2, height // 2, 1)
    others = [
        (int(x * width), int(y * height), number % 2)
        for number, (x, y) in enumerate(rng.uniform(0.3, 0.7, (CLICKS - 1, 2)))
    ]
    return [middle, *others]


def _percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "n": len(values)}


if __name__ == "__main__":
    main()
