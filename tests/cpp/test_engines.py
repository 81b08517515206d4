"""Engines on disk that Python refuses are refused by C++ too, for the same reasons; what lies
beside a model is looked for under the same names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioebss import ModelError
from ioebss.choice import engine_path
from ioebss.engine_files import (
    FLAVOURS,
    EngineManifest,
    Profile,
    engine_manifest_path,
    read_engine_manifest,
    write_engine_manifest,
)
from ioebss.manifest import read_manifest, sha256_of

from .library import BACKEND, MODEL, CppError, Library

MakeModel = Callable[..., Path]
SHAPE = {"min": [1, 16, 16], "opt": [1, 64, 64], "max": [1, 64, 64]}
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.text("ab./\\'é", max_size=4),
    st.sampled_from(["tensorrt", "tensorrt-rtx", "fp32", "a" * 64, "A" * 64, "é" * 10_001]),
    st.lists(st.from_regex(r"[0-9]{0,3}\.?[0-9]{0,2}\+{0,2}", fullmatch=True), max_size=3),
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={k: st.lists(st.integers(0, 4100), min_size=2, max_size=4) for k in SHAPE},
        ).map(lambda changes: SHAPE | changes),
        max_size=2,
    ),
    st.fixed_dictionaries(
        {"status": st.sampled_from(["passed", "failed", "maybe"]), "reason": st.text(max_size=3)}
    ),
)
KEYS = (
    *("flavour", "version", "compute_capability", "precision", "profile", "onnx", "onnx_sha256"),
    *("engine_sha256", "model", "proof", "built_with", "command", "format", "unknown"),
)


@pytest.fixture
def make_engine(make_model: MakeModel) -> Callable[[], tuple[Path, Path]]:
    """A model, and a plan of some bytes beside it: what is in it matters to nobody here."""

    def make() -> tuple[Path, Path]:
        model = make_model()
        manifest, engine = read_manifest(model), engine_path(model, "tensorrt")
        engine.write_bytes(b"plan" * 100)
        write_engine_manifest(
            EngineManifest(
                flavour="tensorrt",
                version="11.4.0.22",
                compute_capability=("8.9",),
                precision=manifest.precision,
                profile=(Profile((1, 16, 16), (1, 256, 256), (2, 256, 256)),),
                onnx=model.name,
                onnx_sha256=manifest.sha256,
                engine_sha256=sha256_of(engine),
                model=manifest,
                proof={"status": "not run", "reason": "no GPU"},
            ),
            engine,
        )
        return model, engine

    return make


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=2), st.data())
def test_manifests(
    library: Library,
    make_engine: Callable[[], tuple[Path, Path]],
    changes: dict[str, Any],
    data: st.DataObject,
) -> None:
    _, engine = make_engine()
    path = engine_manifest_path(engine)
    table = json.loads(path.read_text("utf-8")) | changes
    if data.draw(st.booleans()):
        table.pop(data.draw(st.sampled_from(sorted(table))))
    path.write_text(json.dumps(table), "utf-8")
    try:
        read_engine_manifest(engine)
        refused = False
    except ModelError:
        refused = True
    with pytest.raises(CppError) as caught:
        library.open(engine)
    assert (caught.value.status == MODEL) == refused, str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": None},
        {"format": 2},
        {"model": None, "proof": None},
        {"precision": "fp16"},
        {"onnx_sha256": "0" * 64},
        {"version": 11},
        {"model": {"format": 1}},
    ],
)
def test_the_same_words(
    library: Library, make_engine: Callable[[], tuple[Path, Path]], changes: dict[str, Any]
) -> None:
    _, engine = make_engine()
    path = engine_manifest_path(engine)
    table = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in table.items() if v is not None}), "utf-8")
    with pytest.raises(ModelError) as expected:
        read_engine_manifest(engine)
    with pytest.raises(CppError) as caught:
        library.open(engine)
    assert str(caught.value) == str(expected.value)


def test_an_engine_is_no_onnx(
    library: Library, make_engine: Callable[[], tuple[Path, Path]]
) -> None:
    _, engine = make_engine()
    for name in (b"onnxruntime-cpu", b"onnxruntime-cuda"):
        with pytest.raises(CppError, match=r"discs\.tensorrt\.engine is an engine; this runs ONNX"):
            library.open(engine, backend=name)
    with pytest.raises(CppError, match="no inference engine can be used") as caught:
        library.open(engine)
    assert caught.value.status == BACKEND


def test_a_damaged_engine_that_nobody_named_is_passed_over(
    library: Library, make_engine: Callable[[], tuple[Path, Path]]
) -> None:
    model, engine = make_engine()
    for flavour in FLAVOURS:
        beside = engine_path(model, flavour)
        if beside != engine:
            shutil.copy(engine, beside)
        engine_manifest_path(beside).write_text("{")
    opened = library.open(model)
    assert opened.text("backend") == "onnxruntime-cpu"
    refused = [line.split(": ")[0] for line in opened.text("backend_log").splitlines()]
    assert refused == ["tensorrt", "tensorrt-rtx", "onnxruntime-cuda"]
