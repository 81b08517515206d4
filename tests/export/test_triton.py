"""Model repositories for Triton, read back with Triton's own protobuf."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2

from ioebss.engine_files import EngineManifest, Profile, read_engine_manifest, write_engine_manifest
from ioebss.errors import ModelError, OutputError, UsageError
from ioebss.export.triton import write_repository
from ioebss.export.triton_config import MANIFEST, config_text, serve_onnx
from ioebss.manifest import Manifest, manifest_from, read_manifest, sha256_of
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

Command = Callable[..., subprocess.CompletedProcess[str]]
ModelFactory = Callable[..., Path]
PROFILES = (
    Profile((1, 16, 16), (1, 256, 256), (4, 256, 256)),
    Profile((1, 16, 16), (1, 512, 512), (4, 512, 512)),
)


def parsed(text: str) -> Any:
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def config_of(folder: Path) -> Any:
    return parsed((folder / "config.pbtxt").read_text())


def shapes(config: Any) -> set[tuple[int, ...]]:
    """Of what warms it up, with the batch as Triton adds it."""
    found = set()
    for warm in config.model_warmup:
        assert list(warm.inputs) == ["input"]
        sample = warm.inputs["input"]
        assert sample.data_type == model_config_pb2.TYPE_FP32 and sample.zero_data
        dims = list(sample.dims)
        found.add(tuple([warm.batch_size, *dims] if config.max_batch_size else dims))
    return found


@pytest.fixture
def engine(make_model: ModelFactory, tmp_path: Path) -> Path:
    """A plan of some bytes: nobody here loads it."""
    model = read_manifest(make_model(precision="fp16"))
    path = tmp_path / "discs.tensorrt.engine"
    path.write_bytes(b"plan" * 100)
    manifest = EngineManifest(
        flavour="tensorrt",
        version="10.12.0.36",
        compute_capability=("8.9",),
        precision="fp16",
        profile=PROFILES,
        onnx="discs.onnx",
        onnx_sha256=model.sha256,
        engine_sha256=sha256_of(path),
        model=model,
        proof={"status": "not run", "reason": "no GPU"},
    )
    write_engine_manifest(manifest, path)
    return path


def test_the_bundled_models(command: Command, tmp_path: Path) -> None:
    for model in (BUNDLED, BUNDLED_INT8):
        result = command("ioebss-export", model, "--triton", "served", "--max-batch", 4)
        assert result.returncode == 0, result.stderr
        assert result.stdout.split() == ["served"]
    served = tmp_path / "served"
    assert {p.name for p in served.iterdir()} == {"README.md", "default", "default.int8.cpu"}
    for model, kind in (
        (BUNDLED, model_config_pb2.ModelInstanceGroup.KIND_AUTO),
        (BUNDLED_INT8, model_config_pb2.ModelInstanceGroup.KIND_CPU),
    ):
        folder = served / model.stem
        config = config_of(folder)
        assert (config.name, config.backend) == (model.stem, "onnxruntime")
        assert config.platform == "onnxruntime_onnx" and config.max_batch_size == 4
        assert [(t.name, list(t.dims)) for t in config.input] == [("input", [6, -1, -1])]
        assert [(t.name, list(t.dims)) for t in config.output] == [("logits", [1, -1, -1])]
        assert {t.data_type for t in (*config.input, *config.output)} == {
            model_config_pb2.TYPE_FP32
        }
        assert [(g.kind, g.count, list(g.profile)) for g in config.instance_group] == [
            (kind, 1, [])
        ]
        assert config.dynamic_batching.max_queue_delay_microseconds == 2000
        manifest = read_manifest(folder / "1" / config.default_model_filename)
        assert manifest == read_manifest(model)
        assert sha256_of(folder / "1" / config.default_model_filename) == manifest.sha256
        side = manifest.recommended_sizes[0]
        sides = {(side, side), manifest.input_size(1500, 2000), manifest.input_size(2000, 1500)}
        assert shapes(config) == {(n, 6, *s) for n in (1, 4) for s in sides}
        text = config.parameters[MANIFEST].string_value
        assert manifest_from(json.loads(text), Path("config.pbtxt")) == manifest


def test_an_engine(engine: Path, tmp_path: Path) -> None:
    write_repository([engine], tmp_path / "served")
    folder = tmp_path / "served" / "discs.tensorrt"
    config = config_of(folder)
    assert (config.backend, config.platform) == ("tensorrt", "tensorrt_plan")
    assert config.max_batch_size == 4
    (group,) = config.instance_group
    assert group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert list(group.profile) == ["0", "1"]
    assert shapes(config) == {(n, 6, s, s) for n in (1, 4) for s in (256, 512)}
    plan = folder / "1" / config.default_model_filename
    assert plan.read_bytes() == engine.read_bytes()
    assert read_engine_manifest(plan) == read_engine_manifest(engine)


def test_a_fixed_size_is_never_batched(make_model: ModelFactory, tmp_path: Path) -> None:
    write_repository([make_model(5, 64)], tmp_path / "served")
    config = config_of(tmp_path / "served" / "discs")
    assert config.max_batch_size == 0 and not config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [1, 5, 64, 64]
    assert list(config.output[0].dims) == [1, 1, 64, 64]
    assert shapes(config) == {(1, 5, 64, 64)}


@given(name=st.text(st.characters(codec="utf-8"), min_size=1), batch=st.integers(1, 64))
def test_any_text_comes_back(name: str, batch: int) -> None:
    manifest = Manifest(
        name=name,
        architecture='quotes " and \\ and \n',
        channels=("red", "green", "blue", "positive", "negative"),
        click_radius=5,
        size_multiple=16,
        recommended_sizes=(320,),
        precision="fp32",
        sha256="0" * 64,
        opset=18,
    )
    config = parsed(config_text(name, manifest, serve_onnx(manifest, batch)))
    assert config.name == name and config.max_batch_size == batch
    assert config.HasField("dynamic_batching") == (batch > 1)
    table = json.loads(config.parameters[MANIFEST].string_value)
    assert manifest_from(table, Path("here")) == manifest


def test_a_model_that_is_written_again(make_model: ModelFactory, tmp_path: Path) -> None:
    """It becomes the next version; its neighbours and what people have added stay."""
    served, model = tmp_path / "served", make_model()
    write_repository([BUNDLED_INT8], served)
    write_repository([model], served, max_batch=2)
    (served / "discs" / "labels.txt").write_text("object")
    write_repository([model], served, max_batch=3)
    assert sorted(p.name for p in (served / "discs").iterdir()) == [
        "1",
        "2",
        "config.pbtxt",
        "labels.txt",
    ]
    assert config_of(served / "discs").max_batch_size == 3
    assert read_manifest(served / "discs" / "2" / "model.onnx") == read_manifest(model)
    assert (served / "default.int8.cpu" / "1" / "model.onnx").is_file()
    assert [p.name for p in tmp_path.glob(".served*")] == []


def test_other_peoples_folders_stay(make_model: ModelFactory, tmp_path: Path) -> None:
    model = make_model()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "README.md").write_text("# Mine\n")
    with pytest.raises(OutputError, match="has not written; choose a new folder"):
        write_repository([model], foreign)
    assert [p.name for p in foreign.iterdir()] == ["README.md"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is no folder"):
        write_repository([model], tmp_path / "file")
    (tmp_path / "link").symlink_to(foreign)
    with pytest.raises(OutputError, match="is no folder"):
        write_repository([model], tmp_path / "link")
    ours = tmp_path / "ours"
    write_repository([BUNDLED_INT8], ours)
    (ours / "discs").mkdir()
    (ours / "discs" / "config.pbtxt").write_text('name: "discs"\n')
    with pytest.raises(OutputError, match="discs was not written by ioebss-export"):
        write_repository([model], ours)
    assert (ours / "discs" / "config.pbtxt").read_text() == 'name: "discs"\n'


def test_what_triton_cannot_serve(
    engine: Path, make_model: ModelFactory, tmp_path: Path, call: Command
) -> None:
    served, model = tmp_path / "served", make_model()
    engine.write_bytes(b"plan")
    with pytest.raises(ModelError, match="is not the file that"):
        write_repository([engine], served)
    table = json.loads(engine.with_name(engine.name + ".json").read_text())
    table["flavour"] = "tensorrt-rtx"
    engine.with_name(engine.name + ".json").write_text(json.dumps(table))
    with pytest.raises(UsageError, match="an engine of tensorrt-rtx, which Triton does not load"):
        write_repository([engine], served)
    for batch in (0, 257):
        with pytest.raises(UsageError, match="must be 1 to 256"):
            write_repository([model], served, batch)
    (tmp_path / "other").mkdir()
    for path in (model, model.with_suffix(".json")):
        shutil.copy(path, tmp_path / "other")
    with pytest.raises(UsageError, match="two models would be called"):
        write_repository([model, tmp_path / "other" / model.name], served)
    with pytest.raises(ModelError, match="does not exist"):
        write_repository([tmp_path / "none.onnx"], served)
    target = {"quantisation": {"target": "tensorrt"}}
    with pytest.raises(UsageError, match="the 8-bit graph that engines are built of"):
        write_repository([make_model(precision="int8", training=target)], served)
    for arguments, text in (
        ((model, "--triton", "served", "-o", "x.onnx"), "--output goes with what is made"),
        ((model, "--max-batch", 2), "is exported already"),
        ((model, "--fp16", "--max-batch", 2), "--max-batch goes with --engine or --triton"),
        ((engine, "--fp16", "--triton", "served"), "is an engine; all that is done"),
        ((engine,), "is an engine; all that is done"),
        ((model, "--triton", "served", "--zoom"), "--zoom goes with a RUN only"),
    ):
        result = call("ioebss-export", *arguments)
        assert result.returncode == 2 and text in result.stderr, (arguments, result.stderr)
    assert not served.exists()


def test_what_is_made_in_the_same_command(
    command: Command, make_model: ModelFactory, tmp_path: Path
) -> None:
    result = command("ioebss-export", make_model(), "--fp16", "--triton", "served", "--noc", 20)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["discs.fp16.onnx", "served"]
    config = config_of(tmp_path / "served" / "discs.fp16")
    assert config.input[0].data_type == model_config_pb2.TYPE_FP32
    assert not (tmp_path / "served" / "discs").exists()
