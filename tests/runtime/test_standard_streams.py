"""`-`: photos from standard input, results to standard output, in real processes."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss import Segmenter
from ioebss.errors import ImageError
from ioebss.standard_streams import STREAM, path_of, read_input

MakeModel = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
PROGRAM = str(Path(sys.executable).with_name("ioebss-run"))
PHOTO = np.full((96, 128, 3), 90, np.uint8)
CLICKS = ("--clicks", "40, 50; 90,40,0")


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def model(make_model: MakeModel) -> Path:
    return make_model()


@pytest.fixture
def run(model: Path, tmp_path: Path) -> Run:
    """The command, with a photo piped into it unless told otherwise."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        if "stdin" not in options:
            options.setdefault("input", png(PHOTO))
        if "stdout" not in options:
            options["stdout"] = subprocess.PIPE
        words = [PROGRAM, *map(str, arguments), "--model", str(model)]
        return subprocess.run(
            words, cwd=tmp_path, stderr=subprocess.PIPE, timeout=120, check=False, **options
        )

    return run


def expected_mask(model: Path) -> np.ndarray:
    session = Segmenter(model).open(PHOTO)
    session.click(40, 50)
    return session.click(90, 40, label=0)


def test_a_photo_in_and_a_mask_out(run: Run, model: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    for output in (("--output", "-"), ("-o-",), ()):
        done = run("-", *CLICKS, *output)
        assert done.returncode == 0, done.stderr
        mask = np.asarray(Image.open(io.BytesIO(done.stdout)))
        np.testing.assert_array_equal(mask, expected_mask(model) * np.uint8(255))
        assert b"% of the photo" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_every_kind_of_result(run: Run, model: Path) -> None:
    cutout = np.asarray(Image.open(io.BytesIO(run("-", *CLICKS, "--format", "cutout").stdout)))
    np.testing.assert_array_equal(cutout[..., :3], PHOTO)
    np.testing.assert_array_equal(cutout[..., 3] > 0, expected_mask(model))
    done = run("-", *CLICKS, "--format", "json", "--json")
    result = json.loads(done.stdout)
    assert (result["photo"], result["area"]) == ("-", int(expected_mask(model).sum()))
    line = json.loads(done.stderr)
    assert (line["photo"], line["output"], line["area"]) == ("-", "-", result["area"])


def test_either_end_may_be_a_file(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png(PHOTO))
    done = run("-", *CLICKS, "-o", "mask.png")
    assert done.returncode == 0 and done.stdout.startswith(b"mask.png (")
    first = (tmp_path / "mask.png").read_bytes()
    assert run("photo.png", *CLICKS, "-o", "-", stdin=subprocess.DEVNULL).stdout == first
    with (tmp_path / "photo.png").open("rb") as file:
        assert run("-", *CLICKS, stdin=file).stdout == first
    (tmp_path / "-").write_bytes(png(PHOTO))  # a file of that name
    assert run("./-", *CLICKS, "-o", "./-.png").returncode == 0
    assert (tmp_path / "-.png").read_bytes() == first
    assert path_of("-") == STREAM != path_of("./-")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("-", "-"), 2, "- is one photo"),
        (("-", "photo.png"), 2, "- is one photo"),
        (("-", "--format", "labelme"), 2, "say where their photo is"),
        (("photo.png", "--format", "coco", "-o", "-"), 2, "say where their photo is"),
        (("-", "-o", "."), 2, "has no name; give --output FILE"),
        (("-", "-o", "m.jpg"), 2, "is written as .png"),
        (("-", "--clicks", "400,1"), 2, "x = 400 is outside the photo"),
        (("-", "--clicks"), 2, "the page opens one photo, from a file"),
    ],
)
def test_what_makes_no_sense(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "photo.png").write_bytes(png(PHOTO))
    clicks = () if "--clicks" in arguments else CLICKS
    done = run(*arguments, *clicks)
    assert (done.returncode, done.stdout) == (code, b"")
    assert words in done.stderr.decode() and b"Traceback" not in done.stderr


def test_one_result_only(run: Run, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(PHOTO))
    (tmp_path / "clicks.json").write_text(json.dumps({"a.png": [[4, 5]], "b.png": [[4, 5]]}))
    done = run("a.png", "b.png", "--clicks", "clicks.json", "-o", "-")
    assert done.returncode == 2 and b"--output - is for one photo" in done.stderr
    (tmp_path / "clicks.json").write_text(json.dumps({"b.png": [[4, 5]]}))
    done = run(".", "--clicks", "clicks.json", "-o", "-")  # of a folder, the one with clicks
    assert done.returncode == 0 and done.stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing came from standard input"),
        (b"no photo", "standard input is not a JPEG, PNG, WebP, BMP, TIFF or GIF image"),
        (png(PHOTO)[:-30], "standard input cannot be decoded"),
    ],
)
def test_what_is_no_photo(run: Run, data: bytes, words: str) -> None:
    done = run("-", *CLICKS, input=data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert words in done.stderr.decode() and b"Traceback" not in done.stderr


def test_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for size, most in ((1000, 1000), (2_500_000, 2_500_000)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(size))))
        assert read_input(most) == bytes(size)
        stream = io.BytesIO(bytes(10 * size))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        with pytest.raises(ImageError, match=f"more than {most} bytes come"):
            read_input(most)
        assert stream.tell() == most + 1  # what is beyond is not taken


def test_a_terminal_gives_no_photo_and_takes_no_picture(run: Run, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = run("-", *CLICKS, stdin=theirs)
        assert done.returncode == 2 and b"which is the terminal; pipe one into it" in done.stderr
        done = run("-", *CLICKS, stdout=theirs)
        assert done.returncode == 2 and b"a picture is not written to the terminal" in done.stderr
        done = run("-", *CLICKS, "--format", "json", stdout=theirs)
        assert done.returncode == 0, done.stderr
        assert json.loads(os.read(ours, 1 << 16))["photo"] == "-"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("end", "words"), [("<&-", "input, which is closed"), (">&-", "closed")])
def test_a_closed_stream(model: Path, tmp_path: Path, end: str, words: str) -> None:
    command = ["sh", "-c", f'exec "$@" {end}', "sh", PROGRAM, "-", *CLICKS, "--model", str(model)]
    done = subprocess.run(command, cwd=tmp_path, input=png(PHOTO), capture_output=True, check=False)
    assert done.returncode == 2 and words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_reader_that_has_gone_and_a_disk_that_is_full(run: Run) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run("-", *CLICKS, stdout=write)
    os.close(write)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr
    with Path("/dev/full").open("wb") as full:
        done = run("-", *CLICKS, stdout=full)
    assert done.returncode == 1
    assert done.stderr == (
        b"ioebss-run: error: standard output cannot be written: No space left on device\n"
    )


def test_a_pipe_as_a_file_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in ("pipe.jpg", "/dev/stdin"):
        done = run(path, *CLICKS)
        assert done.returncode == 1
        assert b"only files are read; ioebss-run takes a photo from standard input as -" in (
            done.stderr
        )
