"""Engines on disk: what their manifests say, and every way in which they may not fit."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss import engine_files
from ioebss.engine_files import (
    EngineManifest,
    Profile,
    Target,
    check_engine,
    engine_manifest_path,
    profile_for,
    read_engine,
    read_engine_manifest,
    rebuild_command,
    write_engine_manifest,
)
from ioebss.errors import EngineMismatchError, ModelError
from ioebss.manifest import MAX_MANIFEST_BYTES, read_manifest, sha256_of
from ioebss.windows import Zoom

PROFILES = (
    Profile((1, 16, 16), (1, 256, 256), (2, 256, 256)),
    Profile((1, 16, 16), (1, 512, 512), (2, 512, 512)),
)
HERE = Target("tensorrt", "11.4.0.22", "8.9")


@pytest.fixture
def engine(make_model: Callable[..., Path], tmp_path: Path) -> Path:
    """A plan of some bytes: what is in it matters to nobody here."""
    model = read_manifest(make_model(precision="fp16", zoom=Zoom(margin=1.5)))
    path = tmp_path / "discs.engine"
    path.write_bytes(b"plan" * 100)
    manifest = EngineManifest(
        flavour="tensorrt",
        version="11.4.0.22",
        compute_capability=("8.9",),
        precision="fp16",
        profile=PROFILES,
        onnx="discs.onnx",
        onnx_sha256=model.sha256,
        engine_sha256=sha256_of(path),
        model=model,
        proof={"status": "not run", "reason": "no GPU"},
        built_with={"workspace_mib": 1024},
        command="ioebss-export discs.onnx --engine tensorrt",
    )
    write_engine_manifest(manifest, path)
    return path


def edit(engine: Path, changes: dict[str, Any]) -> None:
    path = engine_manifest_path(engine)
    table = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in table.items() if v is not None}))


def test_round_trip(engine: Path) -> None:
    assert engine_manifest_path(engine).name == "discs.engine.json"
    manifest = read_engine_manifest(engine)
    assert manifest.profile == PROFILES and manifest.model.zoom == Zoom(margin=1.5)
    write_engine_manifest(manifest, engine)
    assert read_engine_manifest(engine) == manifest
    assert read_engine(engine, manifest) == b"plan" * 100
    edit(engine, {"later": 1})  # keys of later versions of this format are let through
    assert read_engine_manifest(engine) == manifest


GROWING = {"min": [1, 16, 16], "opt": [1, 64, 64], "max": [1, 64, 64]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "is an engine's manifest of format 2, .* reads up to 1; update ioebss"),
        ({"format": None}, "is not an engine's manifest: it states no format"),
        ({"model": None, "proof": None}, "lacks model, proof; build the engine again"),
        ({"flavour": "openvino"}, "flavour is 'openvino'; expected tensorrt or tensorrt-rtx"),
        ({"version": 11}, "version is 11; expected a text"),
        ({"compute_capability": []}, "compute_capability is"),
        ({"compute_capability": "8.9"}, "compute_capability is"),
        ({"compute_capability": ["sm_89"]}, "compute_capability is"),
        ({"compute_capability": ["8.9"] * 65}, "compute_capability is"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"precision": "fp32"}, "precision is fp32, its model's fp16; build the engine again"),
        ({"profile": []}, "profile is"),
        ({"profile": [GROWING | {"min": [1, 80, 16]}]}, "profile is"),
        ({"profile": [GROWING | {"max": [1, 64]}]}, "profile is"),
        ({"profile": [GROWING | {"max": [1, 64, 10**6]}]}, "profile is"),
        ({"profile": [GROWING | {"min": [True, 16, 16]}]}, "profile is"),
        ({"profile": [{"min": [1, 16, 16]}]}, "profile is"),
        ({"profile": [GROWING] * 65}, "profile is"),
        ({"onnx": "../discs.onnx"}, "onnx is '../discs.onnx'; expected the name of a file"),
        ({"onnx_sha256": "A" * 64}, "onnx_sha256 is"),
        ({"onnx_sha256": "0" * 64}, "onnx_sha256 is 000.*, its model's"),
        ({"engine_sha256": "0"}, "engine_sha256 is"),
        ({"model": {"format": 1}}, "lacks architecture, channels"),
        ({"model": []}, "model is"),
        ({"proof": {}}, "proof is"),
        ({"proof": {"status": "probably", "reason": ""}}, "proof is"),
        ({"proof": {"status": "passed"}}, "proof is"),
        ({"built_with": []}, "built_with is"),
        ({"command": 7}, "command is 7"),
    ],
)
def test_what_is_wrong_is_named(engine: Path, changes: dict[str, Any], message: str) -> None:
    edit(engine, changes)
    with pytest.raises(ModelError, match=message):
        read_engine_manifest(engine)


def test_files_that_are_no_manifest(engine: Path) -> None:
    path = engine_manifest_path(engine)
    whole = path.read_text()
    for text, message in (
        (whole[: len(whole) // 2], "cannot be read as JSON"),
        ("[]", "holds no JSON object"),
        (" " * (MAX_MANIFEST_BYTES + 1), "larger than"),
    ):
        path.write_text(text)
        with pytest.raises(ModelError, match=message):
            read_engine_manifest(engine)
    path.unlink()
    with pytest.raises(ModelError, match=r"has no manifest: discs\.engine\.json must lie beside"):
        read_engine_manifest(engine)


def test_a_manifest_that_would_not_be_read_is_not_written(engine: Path) -> None:
    manifest, before = read_engine_manifest(engine), engine_manifest_path(engine).read_bytes()
    unread = {"status": "passed", "reason": "", "mean_iou": float("nan")}
    for wrong in (replace(manifest, flavour="other"), replace(manifest, proof=unread)):
        with pytest.raises(ModelError):
            write_engine_manifest(wrong, engine)
    assert engine_manifest_path(engine).read_bytes() == before
    assert not [p for p in engine.parent.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("change", ["truncated", "other", "missing"])
def test_a_damaged_engine_is_not_loaded(engine: Path, change: str) -> None:
    manifest = read_engine_manifest(engine)
    if change == "missing":
        engine.unlink()
    else:
        engine.write_bytes(b"plan" * 50 if change == "truncated" else b"nalp" * 100)
    expected = "cannot be read" if change == "missing" else "truncated or another one: .* rebuild:"
    with pytest.raises(ModelError, match=expected):
        read_engine(engine, manifest)


def test_an_engine_that_is_too_large_is_not_read(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_files, "MAX_ENGINE_BYTES", 399)
    with pytest.raises(ModelError, match="is larger than 399 bytes; it is no engine"):
        read_engine(engine, read_engine_manifest(engine))


OTHER = (Profile((1, 16, 16), (1, 320, 320), (1, 320, 320)),)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("tensorrt-rtx"), "its flavour is tensorrt, wanted is tensorrt-rtx"),
        (Target("tensorrt", "10.12.0.36"), r"its version is 11\.4\.0\.22, wanted is 10\.12\.0\.36"),
        (replace(HERE, compute_capability="9.0"), r"its compute_capability is 8\.9, wanted is 9\."),
        (replace(HERE, precision="int8"), "its precision is fp16, wanted is int8"),
        (replace(HERE, onnx_sha256="f" * 64), "its onnx_sha256 is [0-9a-f]{64}, wanted is ff"),
        (replace(HERE, profile=OTHER), r"its profile is 1x16x16.*wanted is 1x16x16\.\.1x320x320"),
        (replace(HERE, shapes=((1, 64, 1024),)), "its profile is .*, wanted is 1x64x1024"),
        (replace(HERE, shapes=((3, 64, 64),)), "its profile is .*, wanted is 3x64x64"),
    ],
)
def test_every_mismatch_is_named(engine: Path, target: Target, message: str) -> None:
    manifest = read_engine_manifest(engine)
    with pytest.raises(EngineMismatchError, match=message) as caught:
        check_engine(engine, manifest, target)
    command = str(caught.value).split("rebuild it: ")[1]
    words = shlex.split(command)
    assert words[:4] == ["ioebss-export", "discs.onnx", "--engine", target.flavour]
    assert words[-2:] == ["-o", "discs.engine"]


def test_what_fits_is_let_through(engine: Path) -> None:
    manifest = read_engine_manifest(engine)
    check_engine(engine, manifest, Target("tensorrt"))
    complete = replace(
        HERE,
        precision="fp16",
        profile=PROFILES,
        shapes=((1, 16, 512), (2, 256, 256)),
        onnx_sha256=manifest.onnx_sha256,
    )
    check_engine(engine, manifest, complete)


def test_the_command_asks_for_what_was_missing(engine: Path) -> None:
    manifest = read_engine_manifest(engine)
    assert rebuild_command(engine, manifest) == (
        "ioebss-export discs.onnx --engine tensorrt --sizes 256,512 --max-batch 2 -o discs.engine"
    )
    larger = Target("tensorrt-rtx", shapes=((4, 64, 1024),))
    assert rebuild_command(engine, manifest, larger) == (
        "ioebss-export discs.onnx --engine tensorrt-rtx --sizes 256,512,1024 --max-batch 4 "
        "-o discs.engine"
    )
    fixed = replace(manifest, model=replace(manifest.model, fixed_size=(64, 64)))
    assert "--sizes" not in rebuild_command(engine, fixed)


def test_the_nearest_profile_is_taken(engine: Path) -> None:
    manifest = read_engine_manifest(engine)
    assert profile_for(engine, manifest, (1, 256, 192)) == 0
    assert profile_for(engine, manifest, (2, 272, 16)) == 1  # does not fit the first
    assert profile_for(engine, manifest, (1, 512, 512)) == 1
    with pytest.raises(EngineMismatchError, match="--sizes 256,512,528"):
        profile_for(engine, manifest, (1, 528, 16))


@given(major=st.integers(5, 15), minor=st.integers(0, 9))
def test_compute_capabilities(major: int, minor: int) -> None:
    manifest = object.__new__(EngineManifest)
    for built, expected in (
        (("8.6", "12.0"), (major, minor) in ((8, 6), (12, 0))),
        (("8.0+",), major >= 8),
        (("7.5", "8.6+"), (major, minor) >= (8, 6) or (major, minor) == (7, 5)),
    ):
        object.__setattr__(manifest, "compute_capability", built)
        assert manifest.runs_on(f"{major}.{minor}") == expected
