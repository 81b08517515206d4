"""Masks of very many photographs from a table of clicks, by Ray Data:

    python -m ioebss.serving.ray_masks clicks.parquet --photos photos/ --output masks/

Each worker, a process with an engine of its own, reads a photo, sets its clicks as `ioebss-run`
does, and writes the mask. What is written already is not made again, so that the same command goes
on where it was stopped. Nothing but rows of the table passes between processes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ioebss.atomic import TEMPORARY, make_folder, write_text_atomically
from ioebss.command import run_command
from ioebss.errors import IoebssError, MissingExtraError, OutputError, UsageError
from ioebss.image_files import read_mask, read_photo
from ioebss.json_files import read_json_object
from ioebss.manifest import MAX_MANIFEST_BYTES
from ioebss.precision import AUTO, CHOICES
from ioebss.progress import Progress
from ioebss.replay import replay
from ioebss.result_files import FORMATS, write_result
from ioebss.result_names import default_path
from ioebss.segmenter import BUNDLED, Segmenter

FAILURES = "failures.jsonl"
JOB = "job.json"  # what the results in a folder were made with
ROWS = 16  # that a worker gets at a time
STORE_BYTES = 256 * 1024 * 1024  # of Ray's object store on one machine: only rows go through it
DESCRIPTION = """Masks of very many photographs from a table of clicks (columns photo, clicks and,
if wanted, start), by Ray Data on this machine or a cluster. Results that are there already are not
made again: the same command goes on where it was stopped. Photos that fail are listed in
failures.jsonl in the output folder."""


@dataclass(frozen=True)
class Job:
    """What is to be made. Everything that decides what a result looks like is in it.

    Attributes:
        photos, output: folders; on a cluster every machine sees them under these names.
        kind: one of `FORMATS`.
        model: ONNX file or engine.
        backend, precision, size: see `Segmenter`.
        sha256: of the model, from its manifest.
    """

    photos: str
    output: str
    kind: str
    model: str
    backend: str
    precision: str
    size: int | None
    sha256: str

    def segmenter(self, threads: int | None = None) -> Segmenter:
        """The model, loaded; raises as `Segmenter` does."""
        return Segmenter(
            self.model,
            backend=self.backend,
            precision=self.precision,
            threads=threads,
            size=self.size,
        )


class Worker:
    """A process of the pool: an engine, and what it makes of rows."""

    def __init__(self, job: Job, threads: int) -> None:
        self._job = job
        self._photos, self._output = Path(job.photos).resolve(), Path(job.output).resolve()
        self._segmenter = job.segmenter(threads)

    def __call__(self, rows: Any) -> Any:
        """Makes the results of some rows.

        Args:
            rows: a pyarrow table, see `ioebss.serving.click_table`.

        Returns:
            A pyarrow table: photo, and the error where there was one, else "".
        """
        import pyarrow

        errors = [self._attempt(values) for values in rows.to_pylist()]
        kind = pyarrow.string()
        return pyarrow.table(
            {
                "photo": pyarrow.array([photo for photo, _ in errors], kind),
                "error": pyarrow.array([error for _, error in errors], kind),
            }
        )

    def _attempt(self, values: dict[str, Any]) -> tuple[str, str]:
        from ioebss.serving.click_table import photo_of

        try:
            return self._make(values), ""
        except (IoebssError, OSError, MemoryError) as error:
            return photo_of(values), str(error) or "out of memory"

    def _make(self, values: dict[str, Any]) -> str:
        from ioebss.serving.click_table import row_of

        row = row_of(values)
        output = inside(self._output, str(default_path(Path(row.photo), self._job.kind)))
        if output.is_file():
            return row.photo
        photo = read_photo(inside(self._photos, row.photo))
        start = read_mask(inside(self._photos, row.start)) if row.start else None
        with self._segmenter.open(photo) as session:
            clicks = session.validated(row.clicks)
            mask = replay(session, clicks, start)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_result(output, self._job.kind, photo, mask, clicks, Path(row.photo).name)
        return row.photo


def inside(folder: Path, name: str) -> Path:
    """A path below a folder, wherever links lead.

    Args:
        folder: resolved.

    Raises:
        UsageError: it is not below.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise UsageError(f"{name} leads out of {folder.name}")
    return path


def make_masks(table: Path, job: Job, workers: int, num_cpus: float, num_gpus: float) -> int:
    """Makes what is not there yet. Ray is to be running.

    Args:
        workers: processes with an engine each.
        num_cpus, num_gpus: that Ray reserves for each.

    Returns:
        How many rows failed.

    Raises:
        UsageError: the table is not one, or two rows have the same result.
        DataError: the table cannot be read.
        OutputError: the failures cannot be written.
        IoebssError: a worker could not be started.
    """
    import ray.data
    from ray.exceptions import RayError

    from ioebss.serving.click_table import read_table

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are told once
    rows = read_table(table)
    total = check_results(table, job.kind)
    made = rows.repartition(target_num_rows_per_block=ROWS).map_batches(
        Worker,
        fn_constructor_kwargs={"job": job, "threads": max(1, int(num_cpus))},
        batch_size=ROWS,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=num_cpus,
        num_gpus=num_gpus,
    )
    try:
        return _record(made.iter_batches(batch_size=None, batch_format="pyarrow"), total, job)
    except RayError as error:
        reason = str(error).strip().splitlines()[-1][:300]
        raise IoebssError(f"the workers failed; what is written stays: {reason}") from None


def check_results(table: Path, kind: str) -> int:
    """Number of rows of a table, none of which overwrites another's result.

    Raises:
        UsageError: two rows have the same.
    """
    from ioebss.serving.click_table import photos_in

    seen, total = set(), 0
    for photo in photos_in(table):
        total += 1
        if photo is not None:
            result = str(default_path(Path(photo), kind)) if Path(photo).name else photo
            if result in seen:
                raise UsageError(f"two rows of {table} would be {result}: {photo} is one")
            seen.add(result)
    return total


def _record(batches: Iterable[Any], total: int, job: Job) -> int:
    """Watches the work; failures are written as they come."""
    failed = 0
    path = Path(job.output) / FAILURES
    try:
        with path.open("w", encoding="utf-8") as file, Progress().task("masks", total) as advance:
            for batch in batches:
                for row in batch.to_pylist():
                    if row["error"]:
                        failed += 1
                        file.write(json.dumps(row) + "\n")
                        file.flush()
                    advance(f"{failed} failed" if failed else "")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None
    return failed


# -- the command -----------------------------------------------------------------------------------


def main() -> None:
    """Entry point."""
    run_command(_parser(), _run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m ioebss.serving.ray_masks", description=DESCRIPTION)
    parser.add_argument("table", type=Path, help="of clicks: .parquet, .csv or .jsonl")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="photographs")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="DIR", help="results")
    parser.add_argument("--format", choices=FORMATS, default="mask", help="of results (mask)")
    parser.add_argument("--model", type=Path, default=BUNDLED, help="ONNX file or engine (bundled)")
    parser.add_argument("--backend", default="auto", help="inference engine (auto)")
    parser.add_argument("--precision", choices=CHOICES, default=AUTO, help="as of ioebss-run")
    parser.add_argument("--size", type=int, help="longer side of the network's input in pixels")
    parser.add_argument("--workers", type=int, help="processes (as many as there are CPUs)")
    parser.add_argument("--num-cpus", type=float, default=1.0, help="of a worker (%(default)s)")
    parser.add_argument("--num-gpus", type=float, default=0.0, help="of a worker (%(default)s)")
    parser.add_argument(
        "--address", help="of a Ray cluster, or auto (Ray on this machine, for this command)"
    )
    return parser


def _run(arguments: argparse.Namespace) -> None:
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f'{error.name} is missing; pip install "ioebss[ray]"') from None
    job = _job(arguments)
    if not arguments.address:
        job.segmenter()  # what is wrong with it is found here, not by every worker
    _claim(job)
    workers = _start_ray(arguments)
    failed = make_masks(arguments.table, job, workers, arguments.num_cpus, arguments.num_gpus)
    print(job.output)
    if failed:
        photos = "photo" if failed == 1 else "photos"
        raise IoebssError(f"{failed} {photos} failed: {Path(job.output) / FAILURES}")


def _job(arguments: argparse.Namespace) -> Job:
    from ioebss.choice import read_model_manifest

    if not arguments.photos.is_dir():
        raise UsageError(f"--photos {arguments.photos}: there is no such folder")
    if arguments.workers is not None and arguments.workers < 1:
        raise UsageError("--workers must be 1 or more")
    if arguments.num_cpus < 0 or arguments.num_gpus < 0:
        raise UsageError("--num-cpus and --num-gpus cannot be negative")
    return Job(
        str(arguments.photos.resolve()),
        str(arguments.output.resolve()),
        arguments.format,
        str(arguments.model.resolve()),
        arguments.backend,
        arguments.precision,
        arguments.size,
        read_model_manifest(arguments.model).sha256,
    )


def _claim(job: Job) -> None:
    """Makes the output folder, or finds that it holds results of the same job.

    Raises:
        UsageError: they are of another one.
        OutputError: it cannot be made.
    """
    output = Path(job.output)
    make_folder(output)
    decisive = {k: v for k, v in asdict(job).items() if k not in ("photos", "output", "model")}
    path = output / JOB
    if path.exists():
        former = read_json_object(path, MAX_MANIFEST_BYTES, UsageError, "what a folder was made by")
        if former != decisive:
            raise UsageError(f"{output} holds results of another model or format; choose another")
    text = json.dumps(decisive, indent=2) + "\n"
    write_text_atomically(path, text)
    for folder, _, names in os.walk(output):
        for name in names:
            if name.startswith(TEMPORARY):  # of a worker that was killed while it wrote
                (Path(folder) / name).unlink(missing_ok=True)


def _start_ray(arguments: argparse.Namespace) -> int:
    """Connects to a cluster, or starts Ray here; returns the number of workers."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters comes as an exception
    each = arguments.num_cpus or 1.0
    if arguments.address:
        try:
            ray.init(address=arguments.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(f"--address {arguments.address}: {error}") from None
        cpus = ray.cluster_resources().get("CPU", 1.0)  # type: ignore[no-untyped-call]
        return arguments.workers or max(1, int((cpus - 1) // each))
    workers: int = arguments.workers or max(1, int((os.cpu_count() or 1) // each))
    ray.init(
        address="local",
        num_cpus=int(workers * each) + 1,  # one reads the table, or nobody could
        include_dashboard=False,
        object_store_memory=STORE_BYTES,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    return workers


if __name__ == "__main__":
    main()
