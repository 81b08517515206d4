"""Manifests that Python refuses are refused by C++ too, and the other way round."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioebss import ModelError, Segmenter

from .library import MODEL, CppError, Library

VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.integers(-(2**70), 2**70),
    st.floats(-2, 12, allow_nan=False),
    st.text(max_size=4),
    st.lists(st.integers(0, 200), max_size=3),
    st.fixed_dictionaries(
        {"margin": st.floats(0, 11), "keep": st.floats(0, 3), "min_side": st.integers(0, 5000)},
        optional={"first": st.one_of(st.integers(0, 2), st.floats(0, 1.5)), "x": st.none()},
    ),
    st.sampled_from(
        ["discs", "fp32", "fp16", "int8", "a" * 64, "A" * 64, "é" * 10_000, "é" * 10_001]
    ),
    # What Python's parser would take though it is not JSON.
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
KEYS = (
    *("name", "architecture", "channels", "click_radius", "size_multiple", "recommended_sizes"),
    *("precision", "opset", "fixed_size", "zoom", "training", "metrics", "licence", "command"),
    *("format", "planes", "unknown"),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=2), st.data())
def test_manifests(
    library: Library,
    make_model: Callable[..., Path],
    changes: dict[str, Any],
    data: st.DataObject,
) -> None:
    model = make_model()
    path = model.with_suffix(".json")
    table = json.loads(path.read_text("utf-8")) | changes
    if data.draw(st.booleans()):
        table.pop(data.draw(st.sampled_from(sorted(table))))
    path.write_text(json.dumps(table), "utf-8")
    try:
        Segmenter(model, precision="exact", threads=1)
    except ModelError:
        with pytest.raises(CppError) as caught:
            library.open(model, threads=1)
        assert caught.value.status == MODEL
    else:
        library.open(model, threads=1)


def test_distance_planes_are_for_python(library: Library, make_model: Callable[..., Path]) -> None:
    model = make_model(planes="distances")
    Segmenter(model, precision="exact", threads=1)
    with pytest.raises(CppError, match=r"planes is .*distances.*the Python package does") as caught:
        library.open(model, threads=1)
    assert caught.value.status == MODEL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "as JSON"),
        ("[]", "no JSON object"),
        ("{", "as JSON"),
        ('{"format": 1}', "lacks"),
        ('{"format": 2}', "of format 2"),
        ("[" * 200_000, "as JSON|nested too deeply"),
        (" " * (1 << 20 | 1), "larger than"),
        ("\xff", "as JSON"),
    ],
    ids=["empty", "list", "cut", "lacking", "newer", "deep", "large", "no UTF-8"],
)
def test_texts(library: Library, make_model: Callable[..., Path], text: str, said: str) -> None:
    model = make_model()
    model.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=said):
        Segmenter(model)
    with pytest.raises(CppError, match=said) as caught:
        library.open(model)
    assert caught.value.status == MODEL


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (r'"\ud800"', False),
        (r'"\\\uDC00"', False),
        (r'{"\udfff": 1}', False),
        (r'{"a": "\ud83d", "a": 1}', False),
        (r'"\ud83d\ude00 \\ud800"', True),
        ("1e400", False),
        ("1" + "0" * 309, False),
        ("1" + "0" * 308, True),
        ("18446744073709551616", True),
        ("1e-400", True),
        ("[" * 200 + "]" * 200, True),
        ("[" * 200 + "1" + "]" * 200, False),
        ("[" * 201 + "]" * 201, False),
    ],
)
def test_values_of_unknown_keys(
    library: Library, make_model: Callable[..., Path], value: str, taken: bool
) -> None:
    """Text, as Python's writer has no words for some of these."""
    model = make_model()
    path = model.with_suffix(".json")
    path.write_text(path.read_text("utf-8").rstrip()[:-1] + f', "unknown": {value}}}', "utf-8")
    if taken:
        Segmenter(model, precision="exact", threads=1)
        library.open(model, threads=1)
        return
    with pytest.raises(ModelError, match=r"as JSON|nested too deeply"):
        Segmenter(model)
    with pytest.raises(CppError, match=r"as JSON|nested too deeply") as caught:
        library.open(model)
    assert caught.value.status == MODEL


@pytest.mark.parametrize(
    ("model", "pipe", "what"),
    [
        ("discs.onnx", "discs.onnx", "a model file"),
        ("discs.onnx", "discs.json", "a manifest"),
        ("discs.engine", "discs.engine", "a model file"),
        ("discs.engine", "discs.engine.json", "an engine's manifest"),
    ],
)
def test_only_regular_files_are_opened(
    library: Library, tmp_path: Path, model: str, pipe: str, what: str
) -> None:
    """Opening a pipe would wait for ever."""
    (tmp_path / model).touch()
    (tmp_path / pipe).unlink(missing_ok=True)
    os.mkfifo(tmp_path / pipe)
    message = rf"{pipe} is a pipe, not {what}: only files are read$"
    with pytest.raises(ModelError, match=message):
        Segmenter(tmp_path / model)
    with pytest.raises(CppError, match=message) as caught:
        library.open(tmp_path / model)
    assert caught.value.status == MODEL


@pytest.mark.parametrize(
    ("made", "changes", "message"),
    [
        ({}, {"channels": ["red", "green", "blue", "positive", "negative"]}, "takes 6 channels"),
        ({"side": 64}, {"fixed_size": None}, "its manifest says any size"),
        ({"side": 64}, {"fixed_size": [32, 64]}, "its manifest says [32, 64]"),
        ({}, {"sha256": "0" * 64}, "is not the file that"),
    ],
)
def test_a_graph_that_does_not_fit(
    library: Library,
    make_model: Callable[..., Path],
    edit_manifest: Callable[[Path, dict[str, object]], None],
    made: dict[str, Any],
    changes: dict[str, object],
    message: str,
) -> None:
    model = make_model(**made)
    edit_manifest(model, changes)
    with pytest.raises(ModelError):
        Segmenter(model)
    with pytest.raises(CppError) as caught:
        library.open(model)
    assert caught.value.status == MODEL and message in str(caught.value)


def test_the_engine_and_those_before_it(library: Library, make_model: Callable[..., Path]) -> None:
    """An engine named by nobody: the log says why others were refused."""
    model = library.open(make_model())
    assert model.text("backend") == "onnxruntime-cpu"
    refused = [line.split(": ")[0] for line in model.text("backend_log").splitlines()]
    assert refused == ["tensorrt", "tensorrt-rtx", "onnxruntime-cuda"]
    assert (model.text("name"), model.number("size"), model.number("zooms")) == ("discs", 128, 0)
