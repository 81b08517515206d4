"""How long clicks take on the GPU that is here: every backend, beside PyTorch, in one run.

    python -m ioebss.evaluation.gpu_speed --out DIR

See docs/gpu.md. What cannot be run gets a line with its reason.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ioebss.atomic import make_folder, write_text_atomically
from ioebss.command import run_command
from ioebss.errors import BackendError, MissingExtraError, UsageError
from ioebss.evaluation.gpu_rows import CLICK, NETWORK, Limits, Opener, Row, format_rows, measure
from ioebss.gpu import libcuda
from ioebss.progress import Progress
from ioebss.provenance import provenance

SIDES = (256, 512, 1024)
PARTS = ("clicks", "networks", "paper")
WAYS = ((True, "graph"), (False, "plain"))  # whether a network is one CUDA graph
LIMITS = Limits()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        "python -m ioebss.evaluation.gpu_speed",
        description="Time clicks and networks on the GPU that is here, every backend in turns.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu-speed.json and .md")
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="repeatable (all of them); see docs/gpu.md"
    )
    parser.add_argument("--side", type=int, action="append", help="repeatable (256, 512, 1024)")
    parser.add_argument(
        "--fp16", type=Path, help="the bundled model in half precision (made, in half a minute)"
    )
    parser.add_argument("--repeats", type=int, default=LIMITS.repeats, help="of each (%(default)s)")
    parser.add_argument(
        "--budget",
        type=float,
        default=LIMITS.budget,
        metavar="SECONDS",
        help="for each row, and as many to warm up (%(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=LIMITS.total,
        metavar="SECONDS",
        help="for everything; what comes later is not measured (%(default)s)",
    )
    run_command(parser, _run)


def _run(arguments: argparse.Namespace) -> None:
    for name in ("repeats", "budget", "limit"):
        if not getattr(arguments, name) > 0:
            raise UsageError(f"--{name} {getattr(arguments, name)}: it must be more than 0")
    if arguments.fp16 is not None and not arguments.fp16.is_file():
        raise UsageError(f"--fp16 {arguments.fp16}: there is no such file")
    try:
        from ioebss.evaluation.gpu_models import Models, versions
        from ioebss.trainer.distributed import fastest_algorithms
    except ImportError as error:
        raise MissingExtraError(
            f'this compares with PyTorch ({error}); pip install "ioebss[export]"'
        ) from None
    progress = Progress()
    limits = replace(
        LIMITS, repeats=arguments.repeats, budget=arguments.budget, total=arguments.limit
    )
    command = shlex.join(["python", "-m", "ioebss.evaluation.gpu_speed", *sys.argv[1:]])
    where = {"gpu": device() | {"versions": versions()}, **provenance(command)}
    with tempfile.TemporaryDirectory(prefix="ioebss-gpu-") as folder, fastest_algorithms():
        models = Models(Path(folder), arguments.fp16, progress)
        parts, sides = arguments.part or PARTS, tuple(arguments.side or SIDES)
        check_sides(sides, models.multiple)
        make_folder(arguments.out)
        plan = plan_of(models, parts, sides)

        def keep() -> None:
            write(arguments.out, where, [row for row, _ in plan])

        measure(plan, limits, progress, keep)
    print(format_rows([row.as_json() for row, _ in plan]))


def check_sides(sides: tuple[int, ...], multiple: int) -> None:
    """Whether the networks take them.

    Raises:
        UsageError: one is not a positive multiple.
    """
    for side in sides:
        if side < 1 or side % multiple:
            raise UsageError(f"--side {side}: it must be a multiple of {multiple}, and more than 0")


def plan_of(
    models: Any, parts: tuple[str, ...], sides: tuple[int, ...]
) -> list[tuple[Row, Opener]]:
    """What is to be timed, the weightiest first.

    Args:
        models: see `ioebss.evaluation.gpu_models.Models`.
        parts: of `PARTS`.
        sides: of photos and inputs.
    """
    of_part = {"networks": _networks, "clicks": _clicks, "paper": _paper}
    return [
        line for part, lines in of_part.items() if part in parts for line in lines(models, sides)
    ]


def _networks(models: Any, sides: tuple[int, ...]) -> Iterator[tuple[Row, Opener]]:
    for side in sides:
        for recorded, way in WAYS:
            row = Row(NETWORK, "default", f"PyTorch fp16, {way}", side)
            yield row, partial(models.eager, "default", side, recorded)
            for precision in ("fp16", "fp32"):
                row = Row(NETWORK, "default", f"tensorrt-rtx {precision}, {way}", side)
                yield row, partial(models.engine_alone, "default", precision, side, recorded)


def _clicks(models: Any, sides: tuple[int, ...]) -> Iterator[tuple[Row, Opener]]:
    for whole in (*sides, None):
        for backend, precision in models.runners:
            name, zoom = f"{backend} {precision}", whole is None
            row = Row(CLICK, "default", name, whole or models.size, zoom)
            yield row, partial(models.click, backend, precision, whole)


def _paper(models: Any, sides: tuple[int, ...]) -> Iterator[tuple[Row, Opener]]:
    model = "paper, random weights"
    for side in sides:
        for recorded, way in WAYS:
            row = Row(NETWORK, model, f"PyTorch fp16, {way}", side)
            yield row, partial(models.eager, "paper", side, recorded)
    for side in sides:
        row = Row(NETWORK, model, "tensorrt-rtx fp16, graph", side)
        yield row, partial(models.engine_alone, "paper", "fp16", side, True)


def device() -> dict[str, Any]:
    """The GPU and what drives it; a reason where there is none."""
    try:
        system, gpu = libcuda.probe(), libcuda.require_gpu()
    except BackendError as error:
        return {"reason": str(error)}
    return {
        "name": gpu.name,
        "compute_capability": gpu.compute_capability,
        "memory": gpu.memory,
        "cuda_of_driver": ".".join(map(str, system.version)),
        "driver": _driver_version(),
    }


def _driver_version() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def write(folder: Path, where: dict[str, Any], rows: list[Row]) -> None:
    """Writes gpu-speed.json and gpu-speed.md.

    Raises:
        OutputError: one cannot be written.
    """
    table = where | {"rows": [row.as_json() for row in rows if row.values or row.reason]}
    text = json.dumps(table, indent=1) + "\n"
    write_text_atomically(folder / "gpu-speed.json", text)
    gpu = where["gpu"]
    title = f"{gpu.get('name', gpu.get('reason'))}, driver {gpu.get('driver')}"
    page = f"{title}, {where['measured_at']}\n\n{format_rows(table['rows'])}"
    write_text_atomically(folder / "gpu-speed.md", page)


if __name__ == "__main__":
    main()
