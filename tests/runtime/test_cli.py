"""`ioebss-run` as a user types it: real files, exit codes, and a real process where it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

MakeModel = Callable[..., Path]
Edit = Callable[[Path, dict[str, object]], None]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(path)
    return path


def expect_error(result: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    for text in texts:
        assert text in result.stderr


@pytest.mark.parametrize("kind", ["mask", "cutout", "overlay", "json"])
def test_every_format(command: Command, make_model: MakeModel, photo: Path, kind: str) -> None:
    arguments = ("--clicks", "40,50", "--format", kind, "--model", make_model())
    result = command("ioebss-run", photo, *arguments)
    assert result.returncode == 0, result.stderr
    name = "photo.mask.json" if kind == "json" else f"photo.{kind}.png"
    assert str(photo.parent / name) in result.stdout
    assert (photo.parent / name).stat().st_size > 0


def test_the_mask_is_the_sessions(command: Command, make_model: MakeModel, photo: Path) -> None:
    from ioebss import Segmenter

    model = make_model()
    clicks = ("--clicks", "40,50", "--clicks", "90,40,1; 60,60,0")
    result = command("ioebss-run", photo, *clicks, "--model", model, "-o", "out.png")
    assert result.returncode == 0, result.stderr
    written = cv2.imread(str(photo.parent / "out.png"), cv2.IMREAD_UNCHANGED) > 0
    session = Segmenter(model).open(photo)
    for click in ((40, 50), (90, 40, 1), (60, 60, 0)):
        expected = session.click(*click)
    np.testing.assert_array_equal(written, expected)


def test_a_trimap_stands_in_for_clicks(
    command: Command, make_model: MakeModel, photo: Path
) -> None:
    from ioebss import Segmenter

    model = make_model()
    trimap = np.full((96, 128), 128, np.uint8)
    trimap[40:60, 40:60], trimap[:, 100:] = 255, 0
    Image.fromarray(trimap).save(photo.parent / "trimap.png")
    arguments = (photo, "--trimap", "trimap.png", "--model", model, "-o", "out.png", "--json")
    result = command("ioebss-run", *arguments)
    assert result.returncode == 0, result.stderr
    written = cv2.imread(str(photo.parent / "out.png"), cv2.IMREAD_UNCHANGED) > 0
    expected = Segmenter(model).open(photo).predict_trimap(trimap)
    np.testing.assert_array_equal(written, expected)
    assert json.loads(result.stdout)["clicks"]
    for wrong, text in (
        (("--clicks", "1,1"), "not allowed with"),
        (("--start", "trimap.png"), "without --start"),
    ):
        expect_error(command("ioebss-run", *arguments, *wrong), 2, text)
    expect_error(command("ioebss-run", photo, *arguments), 2, "describes one photo")
    Image.fromarray(trimap[:50]).save(photo.parent / "trimap.png")
    expect_error(command("ioebss-run", *arguments), 2, "the trimap has shape (50, 128)")


def test_json_for_machines_and_its_file_is_read_again(
    command: Command, make_model: MakeModel, photo: Path
) -> None:
    model = make_model()
    first = command(
        "ioebss-run", photo, "--clicks", "40.7,50", "--format", "json", "--json", "--model", model
    )
    line = json.loads(first.stdout)
    assert line["clicks"] == [{"x": 40, "y": 50, "label": 1}]
    assert line["backend"] == "onnxruntime-cpu"
    assert line["area"] > 0
    again = command("ioebss-run", photo, "--clicks", line["output"], "--json", "--model", model)
    assert json.loads(again.stdout)["area"] == line["area"]


def test_a_folder_with_a_clicks_file(
    command: Command, make_model: MakeModel, tmp_path: Path
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for name in ("a.png", "b.png", "c.png", "._a.png"):  # the last one as macOS leaves them
        Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(folder / name)
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:60])
    clicks = tmp_path / "clicks.json"
    clicks.write_text(json.dumps({"a.png": [[40, 50]], "b.png": [[40, 50]]}))
    arguments = ("--clicks", clicks, "-o", out, "--model", make_model())
    result = command("ioebss-run", folder, *arguments)
    expect_error(result, 1, "b.png", "1 of 2 photos failed; the others are written")
    assert [p.name for p in out.iterdir()] == ["a.mask.png"]
    clicks.write_text(json.dumps({"d.png": [[40, 50]]}))
    expect_error(command("ioebss-run", folder, *arguments), 2, "clicks are given for d.png")
    clicks.write_text(json.dumps({"._a.png": [[40, 50]]}))
    expect_error(command("ioebss-run", folder, *arguments), 2, "clicks are given for ._a.png")


def test_photos_of_one_name_in_two_folders(
    command: Command, make_model: MakeModel, tmp_path: Path
) -> None:
    """Their clicks could not be told apart. Photos without clicks do not matter."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        for name in ("a.png", f"{folder.name}.png"):
            Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(folder / name)
    clicks = tmp_path / "clicks.json"
    arguments = ("--clicks", clicks, "-o", tmp_path / "out", "--model", make_model())
    clicks.write_text(json.dumps({"a.png": [[40, 50]]}))
    result = command("ioebss-run", *folders, *arguments)
    expect_error(result, 2, "first/a.png and ", "second/a.png have one name")
    clicks.write_text(json.dumps({"first.png": [[40, 50]], "second.png": [[40, 50]]}))
    assert command("ioebss-run", *folders, *arguments).returncode == 0


def test_start_mask(command: Command, make_model: MakeModel, photo: Path) -> None:
    start = np.zeros((96, 128), np.uint8)
    start[60:80, 60:100] = 255
    Image.fromarray(start).save(photo.parent / "start.png")
    arguments = ("--start", "start.png", "--model", make_model())
    result = command("ioebss-run", photo, "--clicks", "5,5,0", *arguments)
    assert result.returncode == 0, result.stderr
    written = cv2.imread(str(photo.parent / "photo.mask.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, start)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("none.jpg", "--clicks", "1,1"), 1, "none.jpg does not exist"),
        (("text.jpg", "--clicks", "1,1"), 1, "is not a JPEG, PNG, WebP, BMP, TIFF or GIF image"),
        (("photo.jpg", "--clicks", "400,1"), 2, "x = 400 is outside the photo"),
        (("photo.jpg", "--clicks=-4,1"), 2, "x = -4 is outside the photo"),
        (("photo.jpg", "--clicks", "nan,1"), 2, "x = nan is not a finite number"),
        (("photo.jpg", "--clicks", "1,1,2"), 2, "label 2 is not a click label"),
        (("photo.jpg", "--clicks", "1,1,0"), 2, "no foreground click"),
        (("photo.jpg", "--clicks", "here"), 2, "'here' is no click"),
        (("photo.jpg", "--clicks", "bad.json"), 2, "cannot be read as JSON"),
        (("photo.jpg", "--clicks", "1,1", "-o", "none/m.png"), 1, "cannot be written"),
        (("photo.jpg", "--clicks", "1,1", "-o", "m.jpg"), 2, "is written as .png"),
        (("photo.jpg", "--clicks", "1,1", "--backend", "abacus"), 2, "no backend 'abacus'"),
        (("photo.jpg", "--clicks", "1,1", "--format", "svg"), 2, "invalid choice"),
        (("photo.jpg", "--clicks", "1,1", "--label", "cat"), 2, "--label needs --format"),
        (("photo.jpg", "--clicks", "1,1", "--format", "coco", "-o", "m.png"), 2, "as .json"),
        (("photo.jpg",), 2, "--clicks"),
        (("photo.jpg", "photo.jpg", "--clicks", "1,1"), 2, "2 photos need clicks of their own"),
        ((".", "--clicks", "1,1", "-o", "x.png"), 2, "photos need clicks"),
    ],
)
def test_bad_input(
    call: Command,
    make_model: MakeModel,
    photo: Path,
    arguments: tuple[str, ...],
    code: int,
    text: str,
) -> None:
    model = make_model()
    (photo.parent / "text.jpg").write_text("no photo")
    (photo.parent / "bad.json").write_text("[1,")
    before = sorted(p.name for p in photo.parent.iterdir())
    expect_error(call("ioebss-run", *arguments, "--model", model), code, text)
    assert sorted(p.name for p in photo.parent.iterdir()) == before  # nothing half, nothing left


def test_bad_models(call: Command, make_model: MakeModel, edit_manifest: Edit, photo: Path) -> None:
    def run(model: Path) -> subprocess.CompletedProcess[str]:
        return call("ioebss-run", photo, "--clicks", "1,1", "--model", model)

    expect_error(run(Path("none.onnx")), 1, "none.onnx does not exist")
    for folder in (".", "/", photo.parent):  # that of a training run, above all; "" is "."
        expect_error(
            run(Path(folder)), 1, "is a folder, not a model file; of a run of ioebss-train"
        )
    model = make_model()
    edit_manifest(model, {"format": 99})
    expect_error(run(model), 1, "update ioebss")
    model = make_model()
    model.write_bytes(model.read_bytes()[:-5])
    expect_error(run(model), 1, "is not the file that discs.json describes")
    model.with_suffix(".json").unlink()
    expect_error(run(model), 1, "has no manifest")


def test_the_photo_is_never_overwritten(
    call: Command, make_model: MakeModel, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((96, 128, 3), 90, np.uint8)).save(photo)
    before = photo.read_bytes()
    arguments = ("--clicks", "1,1", "-o", photo, "--model", make_model())
    expect_error(call("ioebss-run", photo, *arguments), 2, "would overwrite")
    assert photo.read_bytes() == before


def test_no_input_is_overwritten(call: Command, make_model: MakeModel, photo: Path) -> None:
    clicks, model = photo.with_name("clicks.json"), make_model()
    clicks.write_text("[[40, 50]]")
    model.with_suffix(".engine").touch()
    before = clicks.read_bytes(), model.with_suffix(".json").read_bytes()
    for output, given in (
        (clicks, model),
        (model.with_suffix(".json"), model),
        ("discs.engine.json", model.with_suffix(".engine")),
    ):
        arguments = ("--clicks", clicks, "--format", "json", "-o", output, "--model", given)
        expect_error(call("ioebss-run", photo, *arguments), 2, "would overwrite")
    assert (clicks.read_bytes(), model.with_suffix(".json").read_bytes()) == before


def test_a_folder_for_several_results_is_made(
    command: Command, make_model: MakeModel, photo: Path
) -> None:
    clicks = photo.parent / "clicks.json"
    clicks.write_text(json.dumps({"photo.jpg": [[40, 50]], "photo.png": [[40, 50]]}))
    Image.open(photo).save(photo.parent / "photo.png")
    arguments = ("--clicks", clicks, "-o", "new", "--model", make_model())
    result = command("ioebss-run", photo, photo.with_suffix(".png"), *arguments)
    expect_error(
        result, 2, "two results would be", "each with --output FILE"
    )  # photo.jpg and photo.png share a name
    clicks.write_text(json.dumps({"photo.jpg": [[40, 50]], "other.png": [[40, 50]]}))
    (photo.parent / "photo.png").rename(photo.parent / "other.png")
    result = command("ioebss-run", photo, photo.with_name("other.png"), *arguments)
    assert result.returncode == 0, result.stderr
    written = sorted(p.name for p in (photo.parent / "new").iterdir())
    assert written == ["other.mask.png", "photo.mask.png"]


def test_a_folder_that_holds_one_photo_is_a_folder(
    command: Command, make_model: MakeModel, photo: Path
) -> None:
    arguments = (photo.parent, "--clicks", "40,50", "--model", make_model(), "-o")
    assert command("ioebss-run", *arguments, "new").returncode == 0
    assert [p.name for p in (photo.parent / "new").iterdir()] == ["photo.mask.png"]
    assert command("ioebss-run", *arguments, "new/one.png").returncode == 0
    assert (photo.parent / "new" / "one.png").is_file()
    result = command("ioebss-run", photo, *arguments[1:], "none")
    expect_error(result, 2, "none: a mask is written as .png", "a folder, make it first")


def test_a_photo_name_that_is_too_long(call: Command, make_model: MakeModel) -> None:
    arguments = ("--clicks", "1,1", "--model", make_model())
    expect_error(call("ioebss-run", "x" * 5000 + ".jpg", *arguments), 1, "File name too long")


def test_a_write_protected_folder(
    call: Command, make_model: MakeModel, photo: Path, tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/photo.mask.png")  # the one place where root cannot write either
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        target = tmp_path / "locked" / "photo.mask.png"
    arguments = ("--clicks", "1,1", "-o", target, "--model", make_model())
    expect_error(call("ioebss-run", photo, *arguments), 1, "cannot be written")


def test_without_a_standard_output(make_model: MakeModel, photo: Path) -> None:
    program = Path(sys.executable).with_name("ioebss-run")
    arguments = [program, photo, "--clicks", "1,1", "--model", make_model()]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *map(str, arguments)]
    result = subprocess.run(closed, cwd=photo.parent, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert (photo.parent / "photo.mask.png").is_file()


def test_version_and_help(command: Command) -> None:
    assert command("ioebss-run", "--version").stdout.startswith("ioebss-run 0.")
    assert "clicks.json" in command("ioebss-run", "--help").stdout
