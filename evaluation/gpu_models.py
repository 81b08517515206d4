"""The models of the measurement on a GPU, made when they are first needed: files, engines, backends
and PyTorch networks.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ioebss.backends import Backend, open_backend
from ioebss.choice import CPU
from ioebss.engine_files import (
    FLAVOURS,
    TENSORRT,
    TENSORRT_RTX,
    Profile,
    write_engine_manifest,
)
from ioebss.errors import BackendError
from ioebss.evaluation.gpu_subjects import OnGpu, WholeClick, eager_alone, engine_alone
from ioebss.export.engine import built_for, profiles_for, unproven_manifest
from ioebss.export.engine_builder import BuildOptions, build_plan
from ioebss.export.fp16 import export_fp16
from ioebss.export.graph import OPSET, DeployedModel, export_graph
from ioebss.export.half_graph import to_half
from ioebss.export.photographs import Alone, photo_paths
from ioebss.export.proven import Terms
from ioebss.export.toolchain import Toolchain, open_toolchain
from ioebss.gpu.libcuda import require_gpu
from ioebss.image_files import read_photo
from ioebss.manifest import CHANNELS, Manifest, read_manifest, sha256_of, write_manifest
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED
from ioebss.trainer.exported_weights import begin_with_exported
from ioebss.trainer.model import ClickModel
from ioebss.trainer.recipe import load_recipe

T = TypeVar("T")
Key = tuple[object, ...]  # of what is made once: what it is, then of what
SAMPLE = BUNDLED.parents[1] / "samples" / "astronaut.jpg"
PAPER_MULTIPLE = 16  # of the sides of the paper's network
CUDA = "onnxruntime-cuda"


class Models:
    """What rows are made of. Whatever fails once fails again for the same reason.

    Args:
        folder: for files.
        fp16: the bundled model in half precision; None makes it.
        progress: what takes long is said.

    Attributes:
        runners: backends with the precision of the file that they run.
        size: that the bundled model recommends.
        multiple: sides of photos and inputs are multiples of it, whichever network sees them.
    """

    runners = (
        *((TENSORRT_RTX, precision) for precision in ("fp16", "fp32")),
        *((TENSORRT, precision) for precision in ("fp16", "fp32")),
        (CUDA, "fp32"),
        (CPU, "fp32"),
    )

    def __init__(self, folder: Path, fp16: Path | None, progress: Progress) -> None:
        self._folder, self._fp16, self._progress = folder, fp16, progress
        self._made: dict[Key, object] = {}
        bundled = read_manifest(BUNDLED)
        self.size = bundled.recommended_sizes[0]
        self.multiple = math.lcm(bundled.size_multiple, PAPER_MULTIPLE)

    def click(self, backend: str, precision: str, side: int | None) -> WholeClick:
        """Whole clicks of the bundled model on a square photo.

        Args:
            side: of photo and input; None zooms in on a photo of 512 pixels at the recommended
                size.
        """
        opened, manifest = self._backend("default", backend, precision, side)
        reference = None if backend == CPU else self._backend("default", CPU, "fp32", None)[0]
        photo = square_photo(side or 512)
        size = side or self.size
        return WholeClick(opened, manifest, photo, size, side is None, reference)

    def engine_alone(self, model: str, precision: str, side: int, recorded: bool) -> OnGpu:
        """The network of an engine of TensorRT-RTX."""
        opened, manifest = self._backend(model, TENSORRT_RTX, precision, side)
        return engine_alone(opened, len(manifest.channels), side, recorded)

    def eager(self, model: str, side: int, recorded: bool) -> OnGpu:
        """A network in PyTorch."""
        if not torch.cuda.is_available():
            raise BackendError("PyTorch sees no GPU")
        network = self._once(("eager", model), lambda: on_gpu(self._network(model)))
        return eager_alone(network, self._network(model).spec.in_channels, side, recorded)

    # -- made once ---------------------------------------------------------------------------------

    def _once(self, key: Key, make: Callable[[], T]) -> T:
        if key not in self._made:
            try:
                self._made[key] = make()
            except Exception as error:  # libraries' own errors share no base class but Exception
                self._made[key] = error
        made = self._made[key]
        if isinstance(made, Exception):
            raise made
        return cast(T, made)

    def _backend(
        self, model: str, backend: str, precision: str, side: int | None
    ) -> tuple[Backend, Manifest]:
        if backend not in FLAVOURS:
            path, manifest = BUNDLED, read_manifest(BUNDLED)
        else:
            path, manifest = self._once(
                ("engine", model, backend, precision, side),
                lambda: self._engine(model, backend, precision, side),
            )
        key = ("opened", path, backend)
        return self._once(key, lambda: open_backend(path, manifest, backend)), manifest

    def _engine(
        self, model: str, flavour: str, precision: str, side: int | None
    ) -> tuple[Path, Manifest]:
        """Built for one shape alone; None builds for all that zooming in asks for."""
        require_gpu()  # TensorRT-RTX would build without one, and nothing could be timed
        toolchain = self._toolchain(flavour)
        onnx = self._onnx(model, precision)
        manifest = read_manifest(onnx)
        profiles = profiles_for(manifest, [self.size])
        if side is not None:
            shape = (1, side, side)
            profiles = (Profile(shape, shape, shape),)
        timings = self._folder / f"{flavour}.timings"
        options = BuildOptions()
        arguments = (onnx, profiles, options, timings, self._progress)
        engine = self._folder / f"{model}-{flavour}-{precision}-{side or 'zoom'}.engine"
        engine.write_bytes(build_plan(toolchain.library, flavour, *arguments))
        capability = built_for(toolchain, options)
        written = unproven_manifest(engine, onnx, toolchain, capability, profiles)
        write_engine_manifest(written, engine)  # without it no runtime opens an engine
        return engine, manifest

    def _toolchain(self, flavour: str) -> Toolchain:
        key = ("toolchain", flavour)
        return self._once(key, lambda: open_toolchain(flavour, self._progress))

    def _onnx(self, model: str, precision: str) -> Path:
        if model == "paper":
            return self._once(("half", model), self._paper_in_half)
        if precision == "fp32":
            return BUNDLED
        return self._fp16 or self._once(("half", model), self._default_in_half)

    def _default_in_half(self) -> Path:
        output = self._folder / "default.fp16.onnx"
        terms = Terms(Alone(photo_paths(None)), max_photos=2)
        export_fp16(BUNDLED, output, terms, Progress(quiet=True))
        return output

    def _paper_in_half(self) -> Path:
        whole, output = self._folder / "paper.onnx", self._folder / "paper.fp16.onnx"
        model = self._network("paper")
        export_graph(model, whole, None)
        to_half(whole, frozenset(), output)
        manifest = Manifest(
            name="paper",
            architecture="deeplabv3plus-resnet101",
            channels=CHANNELS[: model.spec.in_channels],
            click_radius=5,
            size_multiple=PAPER_MULTIPLE,
            recommended_sizes=(512,),
            precision="fp16",
            sha256=sha256_of(output),
            opset=OPSET,
        )
        write_manifest(manifest, output)
        return output

    def _network(self, model: str) -> ClickModel:
        return self._once(("network", model), lambda: network_of(model))


def network_of(model: str) -> ClickModel:
    """The network of a recipe: "default" with the bundled weights, others with random ones."""
    torch.manual_seed(0)
    made = ClickModel(load_recipe(model).network).eval()
    if model == "default":
        begin_with_exported(made, BUNDLED, ())
    return made


def on_gpu(model: ClickModel) -> torch.nn.Module:
    """As it is deployed, in half precision and channels last on the GPU. Its depthwise convolutions
    are Triton's kernels, where these work (`ioebss.trainer.networks.depthwise`).
    """
    deployed: Any = DeployedModel(model, folded=True).eval().half().cuda()
    laid_out: torch.nn.Module = deployed.to(memory_format=torch.channels_last)
    return laid_out


def square_photo(side: int) -> NDArray[np.uint8]:
    """A sample photograph of so many pixels, uint8 (side, side, 3)."""
    photo = read_photo(SAMPLE)
    return np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def versions() -> dict[str, str]:
    """Of what runs networks here. ONNX Runtime says its own: a wheel on PYTHONPATH comes before the
    one that is installed, whose metadata would be found."""
    found = {"torch": str(torch.__version__)}
    packages = ("onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13-bindings", "triton", "pycuda")
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        import onnxruntime
    except ImportError:
        return found
    return found | {"onnxruntime.__version__": str(onnxruntime.__version__)}
