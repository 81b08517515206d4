"""What tests of several rooms share: small real model files, and the sample photographs."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

if "PYTEST_XDIST_WORKER" in os.environ:
    # Several processes share the cores: threads of one would wait for those of another.
    for name in ("OMP_NUM_THREADS", "IOEBSS_THREADS"):
        os.environ.setdefault(name, "1")

import ioebss
from ioebss.image_files import read_photo
from ioebss.manifest import CHANNELS, Manifest, read_manifest, sha256_of, write_manifest
from ioebss.progress import Progress

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines that run tests are noisy: how long an example takes says nothing.
settings.register_profile("ioebss", deadline=None)
settings.load_profile("ioebss")

SAMPLES = Path(ioebss.__file__).parent / "samples"


def disc_graph(channels: int = 6, side: int | None = None) -> onnx.ModelProto:
    """A graph that follows the model contract and whose answer is known: with K the sum over a
    21x21 neighbourhood, logits = K(positive) - K(negative) + 8 * previous - 0.5."""
    axes = ("batch", channels, "height", "width") if side is None else (1, channels, side, side)
    weight = np.zeros((1, channels, 21, 21), np.float32)
    weight[0, 3], weight[0, 4] = 1, -1
    if channels == 6:
        weight[0, 5, 10, 10] = 8
    node = helper.make_node("Conv", ["input", "weight", "bias"], ["logits"], pads=[10] * 4)
    graph = helper.make_graph(
        [node],
        "discs",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (axes[0], 1, *axes[2:]))],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([-0.5], np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return model


ModelFactory = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> ModelFactory:
    """Writes `disc_graph` with its manifest; keywords change the manifest."""

    def make(channels: int = 6, side: int | None = None, **changes: object) -> Path:
        path = tmp_path / "discs.onnx"
        onnx.save(disc_graph(channels, side), path)
        values: dict[str, object] = {
            "name": "discs",
            "architecture": "discs",
            "channels": CHANNELS[:channels],
            "click_radius": 5,
            "size_multiple": 16,
            "recommended_sizes": (side or 128,),
            "precision": "fp32",
            "sha256": sha256_of(path),
            "opset": 18,
            "fixed_size": (side, side) if side else None,
        }
        manifest = Manifest(**(values | changes))  # type: ignore[arg-type]
        write_manifest(manifest, path)
        return path

    return make


@pytest.fixture
def weights_outside(tmp_path: Path) -> Path:
    """The bundled model with its weights in another file beside it."""
    graph, path = onnx.load(ioebss.BUNDLED), tmp_path / "apart.onnx"
    onnx.save(graph, path, save_as_external_data=True, location="weights", size_threshold=1024)
    assert (tmp_path / "weights").stat().st_size > 1_000_000
    write_manifest(replace(read_manifest(ioebss.BUNDLED), sha256=sha256_of(path)), path)
    return path


@pytest.fixture
def edit_manifest() -> Callable[[Path, dict[str, object]], None]:
    """Overwrites keys of the manifest beside a model; None removes a key."""

    def edit(model: Path, changes: dict[str, object]) -> None:
        path = model.with_suffix(".json")
        table = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in table.items() if v is not None}))

    return edit


@pytest.fixture
def build_engine(tmp_path: Path) -> Callable[..., Path]:
    """Builds an engine of the bundled model for its own size, as `ioebss-export` does."""

    def build(flavour: str, capability: tuple[str, ...] = ()) -> Path:
        pytest.importorskip("torch")
        from ioebss.export.engine import export_engine, profiles_for
        from ioebss.export.engine_builder import BuildOptions
        from ioebss.export.photographs import Alone, photo_paths
        from ioebss.export.proof import LIMITS
        from ioebss.export.proven import Terms
        from ioebss.export.toolchain import open_toolchain

        quiet, engine = Progress(quiet=True), tmp_path / f"default.{flavour}.engine"
        # GPUs multiply in TF32 where a graph is in float32.
        terms = Terms(Alone(photo_paths(None)), limits=LIMITS["fp16"], max_photos=2)
        profiles = profiles_for(read_manifest(ioebss.BUNDLED), [320])
        options = BuildOptions(compute_capability=capability)
        toolchain, cache = open_toolchain(flavour, quiet), tmp_path / "cache"
        export_engine(ioebss.BUNDLED, engine, toolchain, terms, quiet, profiles, options, cache)
        return engine

    return build


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def command_in() -> Callable[[Path], Command]:
    """Runs one of the installed commands as a user would, in a folder."""

    def within(folder: Path) -> Command:
        def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
            program = Path(sys.executable).with_name(name)
            return subprocess.run(
                [str(program), *map(str, arguments)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )

        return run

    return within


@pytest.fixture
def command(command_in: Callable[[Path], Command], tmp_path: Path) -> Command:
    """Runs one of the installed commands as a user would, in an empty folder."""
    return command_in(tmp_path)


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """As `command`, but in this process: it spares the seconds in which a new one loads its
    libraries, for the many ways of being wrong. What would be a traceback fails the test. The name
    may also be that of a module, for `python -m`."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        scripts = importlib.metadata.entry_points(group="console_scripts", name=name)
        main = scripts[name].load() if scripts else importlib.import_module(name).main
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("IOEBSS_TRACEBACK", raising=False)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, code, said.out, said.err)

    return run


ToolsPython = Callable[[str, object], object]


@pytest.fixture(scope="session")
def tools_python() -> ToolsPython:
    """Runs a script with the Python that has the annotation tools' own packages: the script reads
    JSON, what it was given, and prints JSON, which is returned."""
    python = os.environ.get("IOEBSS_ANNOTATION_TOOLS_PYTHON")
    if not python:
        pytest.skip("IOEBSS_ANNOTATION_TOOLS_PYTHON is not set: .ci/annotation_tools does that")

    def run(script: str, given: object) -> object:
        done = subprocess.run(
            [python, "-c", script], input=json.dumps(given), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample photographs."""
    return SAMPLES


@pytest.fixture(scope="session")
def ellipses(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Four sample photographs at 160x120 with one drawn object each, listed as train and val."""
    root = tmp_path_factory.mktemp("data") / "ellipses"
    for folder in ("JPEGImages", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    names = []
    for number, path in enumerate(sorted(samples.glob("*.jpg"))):
        image = cv2.resize(read_photo(path), (160, 120), interpolation=cv2.INTER_AREA)
        labels = np.zeros((120, 160), np.uint8)
        cv2.ellipse(labels, (60 + 15 * number, 60), (34, 22), 20 * number, 0, 360, 1, -1)
        image[labels == 1] = image[labels == 1] // 4 + np.array([180, 40, 60], np.uint8)
        Image.fromarray(image).save(root / "JPEGImages" / f"{path.stem}.png")
        Image.fromarray(labels).save(root / "SegmentationObject" / f"{path.stem}.png")
        names.append(path.stem)
    for split in ("train", "val"):
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names))
    return root
