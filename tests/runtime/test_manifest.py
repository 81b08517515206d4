from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.errors import ModelError
from ioebss.manifest import (
    FORMAT,
    MAX_MANIFEST_BYTES,
    Manifest,
    check_graph,
    check_model_file,
    read_manifest,
    write_manifest,
)
from ioebss.windows import Zoom

Edit = Callable[[Path, dict[str, object]], None]
ZOOM = {"margin": 1.4, "keep": 1.1, "min_side": 9, "first": 1}


def test_round_trip(make_model: Callable[..., Path]) -> None:
    model = make_model(
        metrics=[{"protocol": "centre", "n": 3}], training={"seed": 0}, zoom=Zoom(margin=1.5)
    )
    manifest = read_manifest(model)
    write_manifest(manifest, model)
    assert read_manifest(model) == manifest
    assert manifest.has_previous
    assert not read_manifest(make_model(5)).has_previous


def test_zooms_of_earlier_versions_do_less(
    make_model: Callable[..., Path], edit_manifest: Edit
) -> None:
    model = make_model()
    edit_manifest(model, {"zoom": ZOOM})
    assert read_manifest(model).zoom == Zoom(1.4, 1.1, 9, 1, 0.0, islands=None)
    edit_manifest(
        model,
        {"zoom": ZOOM | {"detail": 0.5, "detail_after": 2, "islands": 0, "forget": 1, "unsure": 2}},
    )
    assert read_manifest(model).zoom == Zoom(1.4, 1.1, 9, 1, 0.5, 2, 0, 1, 2)
    edit_manifest(model, {"zoom": ZOOM | {"islands": None, "forget": None, "unsure": None}})
    assert read_manifest(model).zoom == Zoom(1.4, 1.1, 9, 1)


def test_planes_are_discs_unless_said(make_model: Callable[..., Path], edit_manifest: Edit) -> None:
    assert read_manifest(make_model(planes="distances")).planes == "distances"
    model = make_model()
    edit_manifest(model, {"planes": None})  # as before there was a choice
    assert read_manifest(model).planes == "discs"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": FORMAT + 1}, "format 2, this version of ioebss reads up to 1; update ioebss"),
        ({"format": "1"}, "states no format"),
        ({"sha256": None, "opset": None}, "lacks opset, sha256; export the model again"),
        ({"channels": ["red"]}, "channels is"),
        ({"channels": ["green", "red", "blue", "positive", "negative"]}, "channels is"),
        ({"click_radius": 0}, "click_radius is 0; expected a whole number from 1 to 64"),
        ({"click_radius": 5.0}, "click_radius is 5.0"),
        ({"click_radius": True}, "click_radius is True"),
        ({"size_multiple": 10**9}, "size_multiple"),
        ({"recommended_sizes": []}, "recommended_sizes is"),
        ({"recommended_sizes": [10**6]}, "recommended_sizes is"),
        ({"recommended_sizes": [100]}, "not multiples of 16"),
        ({"fixed_size": [64]}, "fixed_size is"),
        ({"fixed_size": [64, 65]}, "not multiples of 16"),
        ({"planes": "rings"}, "planes is 'rings'; expected discs or distances"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected fp32 or fp16 or int8"),
        ({"zoom": 1.4}, "zoom is 1.4; expected null, or margin"),
        ({"zoom": {"margin": 1.4}}, "zoom is"),
        ({"zoom": {"margin": 0.4, "keep": 1.1, "min_side": 9, "first": 1}}, "zoom is"),
        ({"zoom": {"margin": 1.4, "keep": 1.1, "min_side": 9.5, "first": 1}}, "zoom is"),
        ({"zoom": {"margin": 1.4, "keep": 1.1, "min_side": 9, "first": True}}, "zoom is"),
        ({"zoom": ZOOM | {"detail": 1.5}}, "zoom is"),
        ({"zoom": ZOOM | {"detail": 0.5, "detail_after": -1}}, "zoom is"),
        ({"zoom": ZOOM | {"detail_after": 1.0}}, "zoom is"),
        ({"zoom": ZOOM | {"islands": -0.1}}, "zoom is"),
        ({"zoom": ZOOM | {"islands": True}}, "zoom is"),
        ({"zoom": ZOOM | {"forget": 1.1}}, "zoom is"),
        ({"zoom": ZOOM | {"forget": "often"}}, "zoom is"),
        ({"zoom": ZOOM | {"unsure": -1}}, "zoom is"),
        ({"zoom": ZOOM | {"unsure": True}}, "zoom is"),
        ({"sha256": "A" * 64}, "sha256 is"),
        ({"name": 7}, "name is 7; expected a text"),
        ({"metrics": {}}, "metrics is"),
    ],
)
def test_what_is_wrong_is_named(
    make_model: Callable[..., Path], edit_manifest: Edit, changes: dict[str, object], message: str
) -> None:
    model = make_model()
    edit_manifest(model, changes)
    with pytest.raises(ModelError, match=message):
        read_manifest(model)


def test_keys_of_later_versions_of_this_format_are_let_through(
    make_model: Callable[..., Path], edit_manifest: Edit
) -> None:
    model = make_model()
    edit_manifest(model, {"later": 1.4})
    assert read_manifest(model).name == "discs"


def test_files_that_are_no_manifest(make_model: Callable[..., Path]) -> None:
    model = make_model()
    path = model.with_suffix(".json")
    for text, message in (
        ("{", "cannot be read as JSON"),
        ("[" * 200_000, "cannot be read as JSON"),
        ("[]", "holds no JSON object"),
        ('{"format": NaN}', "NaN is no number of JSON"),
        ('{"metrics": [-Infinity]}', "-Infinity is no number of JSON"),
        (" " * (MAX_MANIFEST_BYTES + 1), "larger than"),
        (json.dumps({}), "states no format"),
    ):
        path.write_text(text)
        with pytest.raises(ModelError, match=message):
            read_manifest(model)
    path.unlink()
    with pytest.raises(ModelError, match=r"has no manifest: discs\.json must lie beside it"):
        read_manifest(model)
    for missing, words in ((model.with_name("none.onnx"), "does not exist"), (Path(), "a folder")):
        with pytest.raises(ModelError, match=words):
            read_manifest(missing)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (r'"\ud800"', r"\\ud800 is half of a surrogate pair"),
        (r'"a\\\uDC00"', r"\\uDC00 is half"),
        (r'"\ud83d\ud83d\ude00"', r"\\ud83d is half"),
        (r'{"\udfff": 1, "a": [1], "a": 2}', "is half"),
        ("1e400", "1e400 is beyond the numbers of a double"),
        ("[-1e400]", "beyond"),
        ("1" + "0" * 309, "beyond"),
        ('{"a": 1e999, "a": 1}', "beyond"),
        ("[" * 201 + "1" + "]" * 201, "nested too deeply"),
        ('{"a":' * 200 + "[1]" + "}" * 200, "nested too deeply"),
    ],
)
def test_unknown_keys_hold_what_cpp_reads_too(
    make_model: Callable[..., Path], value: str, message: str
) -> None:
    model = make_model()
    path = model.with_suffix(".json")
    path.write_text(path.read_text().rstrip()[:-1] + f', "later": {value}}}')
    with pytest.raises(ModelError, match=message):
        read_manifest(model)


@pytest.mark.parametrize(
    "value",
    [
        r'"\ud83d\ude00 \\ud800 \u00e9"',
        "1e308",
        "1" + "0" * 308,
        "1e-400",
        "18446744073709551616",
        "[" * 200 + "]" * 200,
    ],
)
def test_unknown_keys_may_hold_anything_else(make_model: Callable[..., Path], value: str) -> None:
    model = make_model()
    path = model.with_suffix(".json")
    path.write_text(path.read_text().rstrip()[:-1] + f', "later": {value}}}')
    assert read_manifest(model).name == "discs"


def test_only_regular_files_are_opened(make_model: Callable[..., Path]) -> None:
    model = make_model()
    manifest, path = read_manifest(model), model.with_suffix(".json")
    model.unlink()
    os.mkfifo(model)
    for check in (lambda: check_graph(model, manifest), lambda: check_model_file(model)):
        with pytest.raises(ModelError, match="is a pipe, not a model file"):
            check()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelError, match="is a pipe, not a manifest: only files are read"):
        read_manifest(model)


def test_another_file_is_found_out(make_model: Callable[..., Path]) -> None:
    model = make_model()
    manifest = read_manifest(model)
    check_graph(model, manifest)
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"is not the file that discs\.json describes"):
        check_graph(model, manifest)


@pytest.mark.parametrize(
    ("photo", "longest", "expected"),
    [
        ((375, 500), None, (96, 128)),
        ((500, 375), 256, (256, 192)),
        ((16, 16), None, (128, 128)),
        ((10, 5000), None, (16, 128)),  # never less than one multiple
        ((8000, 12500), None, (80, 128)),
        ((640, 100), 256, (256, 48)),  # 2.5 multiples: halves go up
    ],
)
def test_input_size(
    make_model: Callable[..., Path],
    photo: tuple[int, int],
    longest: int | None,
    expected: tuple[int, int],
) -> None:
    manifest: Manifest = read_manifest(make_model())
    assert manifest.input_size(*photo, longest) == expected


def test_input_size_of_a_fixed_model(make_model: Callable[..., Path]) -> None:
    assert read_manifest(make_model(side=64)).input_size(375, 500) == (64, 64)
