"""Masks of a few hundred photographs by Ray Data: as ioebss-run's, also after a SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray.data", reason='ray is not installed: pip install "ioebss[ray]"')
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import pyarrow
import ray
from pyarrow import csv, parquet

from ioebss import Segmenter
from ioebss.atomic import TEMPORARY
from ioebss.errors import ClickError, DataError, UsageError
from ioebss.image_files import read_mask, read_photo
from ioebss.manifest import read_manifest
from ioebss.segmenter import BUNDLED
from ioebss.serving.click_table import Row, checked_path, photos_in, read_table, row_of
from ioebss.serving.ray_masks import FAILURES, JOB, Job, Worker, check_results

Command = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.timeout(600)  # Ray takes its time to start where others work too
COUNT = 200
SIZE = "128"  # of the network's input: small, as the photos are
SECONDS = 240
BAD = [
    {"photo": "none.jpg", "clicks": [[1, 1]]},
    {"photo": "../0.png", "clicks": [[1, 1]]},
    {"photo": "folder/link.png", "clicks": [[1, 1]]},
    {"photo": "000.png", "clicks": [[9999, 1]]},
    {"photo": "broken.png", "clicks": [[1, 1]]},
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Pieces of the sample photographs, at 96x72."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    pictures = [read_photo(path) for path in sorted(samples.glob("*.jpg"))]
    for number in range(COUNT):
        picture = pictures[number % len(pictures)]
        y, x = (int(rng.integers(0, side - 180)) for side in picture.shape[:2])
        small = cv2.resize(picture[y : y + 180, x : x + 240], (96, 72))
        Image.fromarray(small).save(folder / f"{number + 1:03}.png")
    return folder


@pytest.fixture(scope="module")
def rows(photos: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)

    def click(label: int) -> dict[str, int]:
        return {"x": int(rng.integers(96)), "y": int(rng.integers(72)), "label": label}

    names = sorted(path.name for path in photos.glob("*.png"))
    return [{"photo": n, "clicks": [click(1), click(0), click(1)]} for n in names]


def write_tables(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Path]:
    """The same table in each of the formats."""
    paths = {ending: folder / f"clicks.{ending}" for ending in ("jsonl", "csv", "parquet")}
    paths["jsonl"].write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = pyarrow.Table.from_pylist(rows)
    parquet.write_table(table, paths["parquet"])
    texts = [row | {"clicks": json.dumps(row["clicks"])} for row in rows]
    csv.write_csv(pyarrow.Table.from_pylist(texts), paths["csv"])
    return paths


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in (JOB, FAILURES)}


def test_killed_in_the_middle_and_started_again(
    photos: Path, rows: list[dict[str, Any]], tmp_path: Path, command: Command
) -> None:
    for bad, content in (
        ("broken.png", b"no photo"),
        ("000.png", (photos / "001.png").read_bytes()),
    ):
        (photos / bad).write_bytes(content)
    (photos / "folder").mkdir()
    (photos / "folder" / "link.png").symlink_to(BUNDLED.parent.parent / "samples" / "rocket.jpg")
    lines = [json.dumps(row) for row in (*BAD, *rows)]
    table = tmp_path / "clicks.jsonl"
    table.write_text("\n".join([*lines, "no JSON"]) + "\n")
    output = tmp_path / "masks"
    again = [sys.executable, "-m", "ioebss.serving.ray_masks", str(table), "--photos", str(photos)]
    again += ["--output", str(output), "--size", SIZE, "--workers", "2"]

    process = subprocess.Popen(again, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + SECONDS
    while len(list(output.glob("*.mask.png"))) < COUNT // 8:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)  # until its workers have seen it
    written = {p.name: p.stat().st_mtime_ns for p in output.glob("*.mask.png")}
    assert len(written) < COUNT
    (output / f"{TEMPORARY}abcdefgh.png").write_bytes(b"half")  # a worker may have been writing

    result = subprocess.run(again, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert result.returncode == 1, result.stderr
    assert "6 photos failed" in result.stderr and "Traceback" not in result.stderr
    for name, changed in written.items():
        assert (output / name).stat().st_mtime_ns == changed
    failures = [json.loads(line) for line in (output / FAILURES).read_text().splitlines()]
    assert {failure["photo"] for failure in failures} == {*(b["photo"] for b in BAD), "no JSON"}

    clicks = tmp_path / "clicks.json"
    clicks.write_text(json.dumps({row["photo"]: row["clicks"] for row in rows}))
    (tmp_path / "expected").mkdir()
    words = ("--clicks", clicks, "-o", "expected", "--size", SIZE, "--threads", "1")
    done = command("ioebss-run", photos, *words)
    assert done.returncode == 0, done.stderr
    assert files_of(output) == files_of(tmp_path / "expected")


@pytest.fixture(scope="module")
def small_ray() -> Iterator[None]:
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80 * 1024 * 1024,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def test_formats_say_the_same(small_ray: None, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    with_start = [row | {"start": "007.png" if i % 2 else None} for i, row in enumerate(rows[:9])]
    with_start[3]["photo"] = "sub/007"
    expected = [
        Row(r["photo"], [(c["x"], c["y"], c["label"]) for c in r["clicks"]], r["start"])
        for r in with_start
    ]
    for path in write_tables(tmp_path, with_start).values():
        assert [row_of(values) for values in read_table(path).take_all()] == expected
        assert list(photos_in(path)) == [row.photo for row in expected]


def job_for(photos: Path, output: Path, kind: str = "mask") -> Job:
    sha256 = read_manifest(BUNDLED).sha256
    return Job(str(photos), str(output), kind, str(BUNDLED), "auto", "auto", 128, sha256)


def test_a_worker_starts_from_masks_and_keeps_folders(samples: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep" / "er").mkdir(parents=True)
    photo = cv2.resize(read_photo(samples / "chelsea.jpg"), (160, 120))
    Image.fromarray(photo).save(photos / "deep" / "er" / "cat.png")
    start = np.zeros((120, 160), np.uint8)
    start[30:90, 40:120] = 255
    Image.fromarray(start).save(photos / "start.png")
    table = pyarrow.Table.from_pylist(
        [{"photo": "deep/er/cat.png", "clicks": "[[80, 60], [20, 20, 0]]", "start": "start.png"}]
    )
    answer = Worker(job_for(photos, tmp_path / "out"), 1)(table)
    assert answer.to_pylist() == [{"photo": "deep/er/cat.png", "error": ""}]
    session = Segmenter(size=128).open(photo)
    session.reset(start > 0)
    session.click(80, 60)
    expected = session.click(20, 20, 0)
    assert np.array_equal(read_mask(tmp_path / "out" / "deep" / "er" / "cat.mask.png"), expected)


def test_results_stay_in_their_folder(tmp_path: Path, samples: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (out / "a").symlink_to(tmp_path / "elsewhere")
    photos = tmp_path / "photos"
    (photos / "a").mkdir(parents=True)
    (photos / "a" / "b.jpg").write_bytes((samples / "rocket.jpg").read_bytes())
    table = pyarrow.Table.from_pylist([{"photo": "a/b.jpg", "clicks": [[100, 100]]}])
    (answer,) = Worker(job_for(photos, out), 1)(table).to_pylist()
    assert "leads out of out" in answer["error"]
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.jpg", "a/../../b.jpg", "", ".", 7, "a\0b"])
def test_paths_that_climb(name: object) -> None:
    with pytest.raises(UsageError):
        checked_path(name)
    with pytest.raises(UsageError):
        row_of({"photo": name, "clicks": [[1, 1]]})


@pytest.mark.parametrize("clicks", [None, 7, "{}", "[", "[[1]]", [{"x": 1}], "[" * 100_000])
def test_clicks_that_are_none(clicks: object) -> None:
    with pytest.raises((ClickError, UsageError)):
        row_of({"photo": "a.jpg", "clicks": clicks})


def test_tables_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "clicks.jsonl"
    path.write_text('{"photo": "a.jpg"}\n{"photo": "a.png"}\n')
    with pytest.raises(UsageError, match=r"two rows of .* would be a\.mask\.png"):
        check_results(path, "mask")
    for name, error, text in (
        ("clicks.txt", UsageError, "is named .parquet, .csv, .jsonl"),
        ("none.csv", DataError, "cannot be read as a table"),
        ("none.jsonl", DataError, "No such file"),
        ("damaged.parquet", DataError, "cannot be read as a table"),
        ("columns.csv", UsageError, "has no column 'photo'; it has picture, clicks"),
    ):
        if name == "damaged.parquet":
            (tmp_path / name).write_bytes(b"PAR1 or not")
        if name == "columns.csv":
            (tmp_path / name).write_text("picture,clicks\na.jpg,[]\n")
        with pytest.raises(error, match=text):
            read_table(tmp_path / name)


def test_what_the_command_refuses(call: Command, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / JOB).write_text('{"kind": "overlay"}')
    for more, text in (
        (("--photos", "nowhere", "-o", "out"), "there is no such folder"),
        (("--photos", str(photos), "-o", "out"), "results of another model or format"),
        (("--photos", str(photos), "-o", "new", "--workers", "0"), "--workers must be 1 or more"),
        (("--photos", str(photos), "-o", "new", "--backend", "x"), "no backend 'x'; choose one of"),
        (("--photos", str(photos), "-o", "new", "--size", "7"), "it must be a multiple of"),
    ):
        result = call("ioebss.serving.ray_masks", "none.jsonl", *more)
        assert result.returncode == 2 and text in result.stderr, result.stderr
