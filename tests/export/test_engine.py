"""Engines: built for real by TensorRT-RTX, which needs no GPU for it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.calibration.ranges import Ranges, measure_ranges
from ioebss.calibration.trt_graph import quantise_for_trt
from ioebss.engine_files import (
    EngineManifest,
    Profile,
    Target,
    check_engine,
    engine_manifest_path,
    read_engine,
    read_engine_manifest,
)
from ioebss.errors import (
    BackendError,
    DeviceMemoryError,
    EngineMismatchError,
    MissingExtraError,
    ModelError,
    OutputError,
    UsageError,
)
from ioebss.export import engine_builder, toolchain
from ioebss.export.build_progress import Phases
from ioebss.export.engine import SIZES, export_engine, profiles_for
from ioebss.export.engine_builder import BuildOptions, build_plan
from ioebss.export.engine_cache import default_cache
from ioebss.export.half_graph import to_half
from ioebss.export.overflow import nodes_in_float
from ioebss.export.photographs import Alone, photo_paths
from ioebss.export.proven import Terms
from ioebss.export.toolchain import open_toolchain
from ioebss.gpu.libcuda import Gpu, probe
from ioebss.manifest import read_manifest, sha256_of, write_manifest
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

Command = Callable[..., "subprocess.CompletedProcess[str]"]
QUIET = Progress(quiet=True)
TERMS = Terms(Alone(photo_paths(None)), command="as typed")
SMALL = (Profile((1, 16, 16), (1, 64, 64), (1, 64, 64)),)
needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="TensorRT-RTX is not installed: pip install tensorrt-rtx",
)


def has_gpu() -> bool:
    try:
        return bool(probe().gpus)
    except BackendError:
        return False


class Heard(Progress):
    """Remembers what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "engines"


def build(
    model: Path, output: Path, cache: Path, progress: Progress = QUIET, **changes: object
) -> EngineManifest:
    values: dict[str, object] = {"terms": TERMS, "profiles": SMALL, "cache": cache}
    tools = open_toolchain("tensorrt-rtx", progress)
    return export_engine(model, output, tools, progress=progress, **(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bundled_graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundled model in all precisions. How well it does in 8 bits is not asked here."""
    folder = tmp_path_factory.mktemp("graphs")
    paths = {"fp32": BUNDLED} | {p: folder / f"default.{p}.onnx" for p in ("fp16", "int8")}
    to_half(BUNDLED, nodes_in_float(BUNDLED, {}).keys(), paths["fp16"])
    inputs = np.random.default_rng(0).uniform(0, 255, (1, 6, 64, 64)).astype(np.float32)
    measured = Ranges("", "minmax", measure_ranges(BUNDLED, [inputs], "minmax")[0])
    quantise_for_trt(BUNDLED, measured, paths["int8"])
    manifest = read_manifest(BUNDLED)
    for precision in ("fp16", "int8"):
        path = paths[precision]
        training = {**manifest.training, "quantisation": {"target": "tensorrt"}}
        changes = {"precision": precision, "sha256": sha256_of(path), "training": training}
        write_manifest(replace(manifest, **changes), path)
    return paths


@needs_rtx
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_bundled_model(
    bundled_graphs: dict[str, Path], precision: str, tmp_path: Path, cache: Path
) -> None:
    graph, output = bundled_graphs[precision], tmp_path / "default.engine"
    built = build(graph, output, cache)
    manifest = read_engine_manifest(output)
    assert manifest == built
    assert (manifest.flavour, manifest.precision) == ("tensorrt-rtx", precision)
    assert manifest.compute_capability == ("8.0+",) and manifest.profile == SMALL
    assert (manifest.onnx, manifest.onnx_sha256) == (graph.name, sha256_of(graph))
    assert manifest.model == read_manifest(graph)
    assert manifest.command == "as typed"
    assert len(read_engine(output, manifest)) > 0.9 * graph.stat().st_size
    if not has_gpu():
        assert manifest.proof["status"] == "not run"
        assert "could not run here: no NVIDIA driver" in manifest.proof["reason"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["default.engine", "default.engine.json"]


@needs_rtx
def test_the_second_time_nothing_is_built(
    make_model: Callable[..., Path], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, first, second = make_model(), tmp_path / "a.engine", tmp_path / "b.engine"
    build(model, first, cache)
    (kept,) = cache.rglob("*.engine")
    heard = Heard()
    with monkeypatch.context() as patched:
        patched.setattr("ioebss.export.engine.build_plan", None)  # it would be found out
        build(model, second, cache, heard, terms=replace(TERMS, command="again"))
    assert any(f"built before; it is taken from {kept}" in line for line in heard.lines)
    assert first.read_bytes() == second.read_bytes()
    assert read_engine_manifest(second).command == "again"

    # Another shape, option or graph is another engine; the field that differs is named.
    larger = (replace(SMALL[0], max=(2, 64, 64)),)
    heard = Heard()
    build(model, second, cache, heard, profiles=larger)
    (line,) = [line for line in heard.lines if "is passed over" in line]
    assert "its profile is 1x16x16..1x64x64, wanted is 1x16x16..2x64x64" in line
    assert "ioebss-export discs.onnx --engine tensorrt-rtx --sizes 64 --max-batch 2" in line
    build(model, second, cache, options=BuildOptions(optimisation_level=0))
    assert len(list(cache.rglob("*.engine"))) == 3
    assert read_engine_manifest(second).built_with["optimisation_level"] == 0

    kept.write_bytes(kept.read_bytes()[:1000])
    heard = Heard()
    build(model, second, cache, heard)
    assert any("the cached engine is passed over" in line for line in heard.lines)
    assert read_engine(second, read_engine_manifest(second))
    read_engine(kept, read_engine_manifest(kept))  # and it is whole again


@needs_rtx
def test_a_cache_that_cannot_be_written_is_told(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    heard = Heard()
    build(make_model(), tmp_path / "a.engine", tmp_path / "file" / "cache", heard)
    assert any(line.startswith("the engine is not cached") for line in heard.lines)
    assert (tmp_path / "a.engine").exists()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "ioebss" / "engines"
    monkeypatch.setenv("HOME", "/home/someone")
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert default_cache() == Path("/home/someone/.cache/ioebss/engines")


@needs_rtx
def test_options(make_model: Callable[..., Path], tmp_path: Path, cache: Path) -> None:
    model, output = make_model(), tmp_path / "a.engine"
    options = BuildOptions(64, 2, ("7.5", "8.6"))
    manifest = build(model, output, cache, options=options)
    assert manifest.compute_capability == ("7.5", "8.6")
    assert manifest.built_with == {
        "workspace_mib": 64,
        "optimisation_level": 2,
        "compute_capability": ["7.5", "8.6"],
    }
    with pytest.raises(EngineMismatchError, match=r"--compute-capability 9\.0 -o a\.engine"):
        check_engine(output, manifest, Target("tensorrt-rtx", compute_capability="9.0"))
    with pytest.raises(UsageError, match=r"for 6\.1; choose among .*7\.5, 8\.0, 8\.6"):
        build(model, tmp_path / "b.engine", cache, options=BuildOptions(None, None, ("6.1",)))
    if not has_gpu():
        with pytest.raises(UsageError, match="there is no GPU here; name one"):
            build(
                model, tmp_path / "b.engine", cache, options=BuildOptions(None, None, ("current",))
            )
    assert not (tmp_path / "b.engine").exists()


@needs_rtx
def test_a_fixed_size(make_model: Callable[..., Path], tmp_path: Path, cache: Path) -> None:
    model = make_model(side=64)
    profiles = profiles_for(read_manifest(model))
    assert profiles == (Profile((1, 64, 64), (1, 64, 64), (1, 64, 64)),)
    build(model, tmp_path / "a.engine", cache, profiles=profiles)
    with pytest.raises(UsageError, match="this model takes 64x64, one at a time, only"):
        profiles_for(read_manifest(model), [128])


def test_profiles(make_model: Callable[..., Path]) -> None:
    manifest = read_manifest(make_model())
    chosen = profiles_for(manifest, [512, 256], 4)
    assert chosen == (
        Profile((1, 16, 16), (1, 256, 256), (4, 256, 256)),
        Profile((1, 16, 16), (1, 512, 512), (4, 512, 512)),
    )
    # The runtime's own size, 128, is among the usual ones.
    assert [p.opt[1] for p in profiles_for(manifest)] == sorted({128, *SIZES})
    for sizes, batch, text in (
        ([100], 1, "size 100: it must be a multiple of 16 up to 4096"),
        ([0], 1, "size 0"),
        ([8192], 1, "size 8192"),
        ([256], 0, "--max-batch 0"),
        ([256], 1000, "--max-batch 1000"),
        (list(range(16, 16 * 70, 16)), 1, "69 sizes; at most 64"),
    ):
        with pytest.raises(UsageError, match=text):
            profiles_for(manifest, sizes, batch)


@needs_rtx
def test_an_onnx_file_that_has_changed(
    make_model: Callable[..., Path], tmp_path: Path, cache: Path
) -> None:
    model, output = make_model(), tmp_path / "a.engine"
    manifest = build(model, output, cache)
    graph = onnx.load(model)
    graph.producer_name = "someone else"
    onnx.save(graph, model)
    changed = Target("tensorrt-rtx", onnx_sha256=sha256_of(model))
    with pytest.raises(EngineMismatchError, match=r"its onnx_sha256 is .*; rebuild it: ioebss-exp"):
        check_engine(output, manifest, changed)
    with pytest.raises(ModelError, match=r"is not the file that discs\.json describes"):
        build(model, tmp_path / "b.engine", cache)


@needs_rtx
def test_no_engine_draws_distances(
    make_model: Callable[..., Path], tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(UsageError, match="reads distances; on GPUs clicks are drawn as discs only"):
        build(make_model(5, planes="distances"), tmp_path / "a.engine", cache)


@needs_rtx
def test_what_cannot_be_parsed_is_named(tmp_path: Path, cache: Path) -> None:
    tools = open_toolchain("tensorrt-rtx", QUIET)
    arguments = (SMALL, BuildOptions(), tmp_path / "timings", QUIET)
    with pytest.raises(ModelError, match=r"node '[\w.]+' \((Q|Deq)uantizeLinear\): \w"):
        build_plan(tools.library, tools.flavour, BUNDLED_INT8, *arguments)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="cannot parse"):
        build_plan(tools.library, tools.flavour, tmp_path / "text.onnx", *arguments)
    with pytest.raises(UsageError, match="the 8-bit graph for CPUs, which TensorRT does not take"):
        build(BUNDLED_INT8, tmp_path / "a.engine", cache)
    other = onnx.load(BUNDLED)
    other.graph.output[0].name = "node_mean"
    other.graph.node[-1].output[0] = "node_mean"
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"has inputs \['input'\] and outputs \['node_mean'\]"):
        build_plan(tools.library, tools.flavour, tmp_path / "other.onnx", *arguments)


@needs_rtx
@pytest.mark.skipif(has_gpu(), reason="needs a build that fails, for a GPU that is not there")
def test_builds_that_fail(
    make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = open_toolchain("tensorrt-rtx", QUIET)
    options = BuildOptions(compute_capability=("current",))
    arguments = (tools.flavour, make_model(), SMALL, options, tmp_path / "timings", QUIET)
    with pytest.raises(BackendError, match=r"cannot build .*CUDA driver version is insufficient"):
        build_plan(tools.library, *arguments)

    make_log = engine_builder.make_log

    def forgetful(library: object) -> object:
        log = make_log(library)
        type(log).last = "Requested amount of GPU memory could not be allocated: out of memory"
        return log

    monkeypatch.setattr(engine_builder, "make_log", forgetful)
    with pytest.raises(DeviceMemoryError, match="smaller --sizes or --max-batch, limit"):
        build_plan(tools.library, *arguments)


@needs_rtx
def test_nothing_is_left_behind(
    make_model: Callable[..., Path], tmp_path: Path, cache: Path
) -> None:
    model = make_model()
    folder = tmp_path / "out"
    folder.mkdir()
    engine_manifest_path(folder / "a.engine").mkdir()
    with pytest.raises(OutputError, match=r"a\.engine\.json cannot be written"):
        build(model, folder / "a.engine", cache)
    assert [p.name for p in folder.iterdir()] == ["a.engine.json"]

    class Interrupted(Progress):
        @contextmanager
        def task(self, name: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
            def advance(note: str = "") -> None:
                raise KeyboardInterrupt

            yield advance

    with pytest.raises(KeyboardInterrupt):
        build(model, folder / "b.engine", cache / "new", Interrupted(quiet=True))
    assert not list(folder.glob("b*")) and not list((cache / "new").rglob("*.engine"))


def test_auto_says_what_it_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for what this machine may lack: the libraries and the driver."""
    gpu = Gpu("a GPU", "9.0", 2**36)

    def missing(flavour: str) -> object:
        raise MissingExtraError(f"{flavour} is not usable")

    def library(flavour: str) -> object:
        return SimpleNamespace(__version__="11.4.0.22" if flavour == "tensorrt" else "1.7.1.116")

    def no_driver() -> Gpu:
        raise BackendError("no NVIDIA driver")

    heard = Heard()
    monkeypatch.setattr(toolchain, "import_library", library)
    monkeypatch.setattr(toolchain, "require_gpu", no_driver)
    found = open_toolchain("auto", heard)
    assert (found.flavour, found.version, found.gpu) == ("tensorrt-rtx", "1.7.1.116", None)
    assert heard.lines[0] == "tensorrt is passed over: no NVIDIA driver"
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        open_toolchain("tensorrt", heard)  # asked for by name: never another one

    monkeypatch.setattr(toolchain, "require_gpu", lambda: gpu)
    found = open_toolchain("auto", heard)
    assert (found.flavour, found.gpu) == ("tensorrt", gpu)

    monkeypatch.setattr(toolchain, "import_library", missing)
    with pytest.raises(
        BackendError, match=r"no engine can be built here: tensorrt: .*tensorrt-rtx"
    ):
        open_toolchain("auto", heard)
    with pytest.raises(UsageError, match="no engine 'openvino'; choose one of tensorrt, "):
        open_toolchain("openvino", heard)


@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    data=st.data(),
)
def test_progress_of_nested_phases_never_goes_back(steps: list[int], data: st.DataObject) -> None:
    """Phases within each other, each run through completely for every step of the outer one."""
    phases, seen = Phases(), []

    def run(depth: int) -> None:
        name = f"phase {depth}"
        phases.start(name, f"phase {depth - 1}" if depth else None, steps[depth])
        for number in range(steps[depth]):
            if depth + 1 < len(steps) and data.draw(st.booleans()):
                run(depth + 1)
            phases.step(name, number)
            seen.append(phases.fraction())
        phases.finish(name)

    run(0)
    assert seen == sorted(seen) and seen[-1] == 1
    assert seen[0] > 0
    assert phases.fraction() == 0


@needs_rtx
def test_the_command(
    command: Command, call: Command, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    make_model()
    arguments = ("ioebss-export", "discs.onnx", "--engine", "tensorrt-rtx", "--sizes", "64")
    result = command(*arguments, "--cache", "cache", "--max-batch", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["discs.tensorrt-rtx.engine"]
    assert "building for 1 sizes with tensorrt-rtx" in result.stderr
    assert "100/100" in result.stderr
    manifest = read_engine_manifest(tmp_path / "discs.tensorrt-rtx.engine")
    assert manifest.profile[0].max == (2, 64, 64)
    assert manifest.command.startswith("ioebss-export discs.onnx --engine tensorrt-rtx --sizes 64")
    result = command(*arguments, "--cache", "cache", "--max-batch", "2", "-o", "b.engine")
    assert result.returncode == 0 and "this engine was built before" in result.stderr
    shutil.rmtree(tmp_path / "cache")
    failures = [
        ((*arguments, "-o", "none/a.engine"), 1, "none is not a folder; make it first"),
        ((*arguments, "-o", "a.onnx"), 2, "a.onnx: the file must be named .engine"),
        ((*arguments, "--max-batch", "0"), 2, "--max-batch 0: it must be 1 to"),
        ((*arguments, "--workspace", "0"), 2, "a whole number, 1 or more"),
        ((*arguments, "--compute-capability", "1.0"), 2, "no engine can be built for 1.0"),
        (("ioebss-export", "--engine", "openvino"), 2, "invalid choice: 'openvino'"),
        (("ioebss-export", BUNDLED_INT8, "--engine", "auto"), 2, "8-bit graph for CPUs"),
    ]
    if importlib.util.find_spec("tensorrt") is None:
        failures.append((("ioebss-export", "--engine", "tensorrt"), 1, "tensorrt is not usable"))
    for wrong, code, text in failures:
        result = call(*wrong, *(() if "openvino" in wrong else ("--cache", "cache")))
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
    assert not list(tmp_path.rglob("a.engine*")) and not (tmp_path / "cache").exists()
