"""What a click costs in libioebss beside the network, and how soon a process has its first mask:
C++ and Python, taking turns.

    python -m ioebss.evaluation.cpp_speed BUILD --onnxruntime LIBRARY --output FILE.json

BUILD is a CMake build of `runtime/cpp` with `-DIOEBSS_BENCHMARKS=ON` and the examples.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ioebss.atomic import write_text_atomically
from ioebss.command import run_command
from ioebss.errors import BackendError
from ioebss.evaluation.options import check_positive
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED

SIZE = 512  # longer side of the network's input, in pixels
PHOTOS = {"512x512": (512, 512), "12 megapixels": (4000, 3000)}
SAMPLE, CLICK = BUNDLED.parents[1] / "samples" / "chelsea.jpg", "230,110"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        "python -m ioebss.evaluation.cpp_speed",
        description="Measure libioebss: what clicks cost beside the network, and the first mask.",
    )
    parser.add_argument("build", type=Path, help="CMake build with the benchmark and the examples")
    parser.add_argument("--onnxruntime", type=Path, required=True, help="libonnxruntime.so to load")
    parser.add_argument("--clicks", type=int, default=40, help="per photo (40)")
    parser.add_argument("--starts", type=int, default=11, help="of each program (11)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the network (1)")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    run_command(parser, _measure)


def _measure(arguments: argparse.Namespace) -> None:
    check_positive(arguments, "clicks", "starts", "threads")
    environment = os.environ | {"IOEBSS_ONNXRUNTIME": str(arguments.onnxruntime)}
    build, threads = arguments.build, arguments.threads
    clicks = {
        name: click_times(build, *size, arguments.clicks, threads, environment)
        for name, size in PHOTOS.items()
    }
    results = {
        "size": SIZE,
        "threads": threads,
        "clicks": clicks,
        "first_mask": first_masks(build, arguments.starts, environment),
    }
    text = json.dumps(results, indent=2) + "\n"
    print(text, end="")
    if arguments.output is not None:
        write_text_atomically(arguments.output, text)


def click_times(
    build: Path, width: int, height: int, clicks: int, threads: int, environment: dict[str, str]
) -> dict[str, float]:
    """Milliseconds of the clicks after the first of one session.

    Returns:
        Medians of the whole click, of the network in it and of the rest; `share`: the median of
        the rest over that of the whole; and n.
    """
    program = build / "benchmarks" / "click_time"
    numbers = map(str, (width, height, SIZE, clicks + 1, threads))
    rows = list(csv.DictReader(_run([program, BUNDLED, *numbers], environment).split()))
    whole = np.array([float(row["whole"]) for row in rows[1:]])
    network = np.array([float(row["network"]) for row in rows[1:]])
    rest = np.median(whole - network)
    return {
        "whole": round(float(np.median(whole)), 3),
        "network": round(float(np.median(network)), 3),
        "rest": round(float(rest), 3),
        "share": round(float(rest / np.median(whole)), 4),
        "n": len(whole),
    }


def first_masks(build: Path, starts: int, environment: dict[str, str]) -> dict[str, object]:
    """Milliseconds from the start of a process to its end, with one mask written: medians and n."""
    with tempfile.TemporaryDirectory(prefix="ioebss-cpp-speed-") as folder:
        mask = Path(folder) / "mask.png"
        ours = Path(sys.executable).with_name("ioebss-run")
        options = ("--precision", "exact", "--clicks", CLICK, "--output", mask)
        commands: dict[str, list[str | Path]] = {
            "click_to_mask": [build / "examples" / "click_to_mask", BUNDLED, SAMPLE, mask, CLICK],
            "ioebss-run": [ours, SAMPLE, *options],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        with Progress().task("starts", starts) as advance:
            for _ in range(starts):
                for name, command in commands.items():
                    started = time.perf_counter()
                    _run(command, environment)
                    times[name].append(1e3 * (time.perf_counter() - started))
                advance()
    medians = {name: round(float(np.median(values)), 1) for name, values in times.items()}
    return {**medians, "n": starts}


def _run(command: Sequence[str | Path], environment: dict[str, str]) -> str:
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BackendError(f"{command[0]} does not run ({error.strerror}); build it") from None
    if result.returncode:
        raise BackendError(f"{command[0]} failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


if __name__ == "__main__":
    main()
