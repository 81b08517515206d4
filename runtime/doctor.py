"""What this machine can run a model on, and what to do where something is missing.

Nothing here trusts what it looks at: the driver is asked through its own library, and other
libraries are imported in processes of their own, so that a broken one is a finding and no crash.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ioebss import kernels
from ioebss.engine_files import TENSORRT, TENSORRT_RTX
from ioebss.errors import BackendError
from ioebss.gpu import libcuda
from ioebss.gpu.pycuda_driver import REMEDY as PYCUDA_REMEDY
from ioebss.processor import DOT_PRODUCTS, eight_bit_dot_products
from ioebss.tensorrt_library import MODULES, REMEDIES

PATIENCE = 60  # seconds that a library may take to be imported
GOOD, MISSING, NOTE = "ok", "missing", "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of it.
        state: "ok"; "missing": a faster way is closed without it; "note": for information.
        text: what was found.
        remedy: what to do, where it is missing.
        details: the same for machines.
    """

    name: str
    state: str
    text: str
    remedy: str = ""
    details: Any = None


def examine() -> list[Finding]:
    """Looks at everything; takes a few seconds, and raises nothing of what it finds."""
    looks: list[Callable[[], list[Finding]]] = [
        _here,
        _processor,
        _driver_and_kernels,
        lambda: [_tensorrt("TensorRT", TENSORRT)],
        lambda: [_tensorrt("TensorRT-RTX", TENSORRT_RTX)],
        _onnxruntime,
        lambda: [_library("pycuda", "pycuda", ("pycuda.driver",), PYCUDA_REMEDY)],
        _nvcc,
        _bundled_model,
    ]
    with ThreadPoolExecutor(2) as pool:
        return [finding for found in pool.map(lambda look: look(), looks) for finding in found]


def images_for(compute_capability: str, images: Iterable[str]) -> list[str]:
    """The images of a fatbin that a GPU can run: machine code for the same major and at most the
    same minor capability, and PTX for at most the same.

    Args:
        compute_capability: "9.0" for example.
        images: such as "sm_90" and "compute_120".
    """
    major, minor = map(int, compute_capability.split("."))
    fitting = []
    for image in images:
        kind, _, number = image.partition("_")
        built = (int(number) // 10, int(number) % 10)
        same_major = built[0] == major or kind == "compute"
        if same_major and built <= (major, minor):
            fitting.append(image)
    return fitting


# -- what is looked at -----------------------------------------------------------------------------


def _here() -> list[Finding]:
    version = importlib.metadata.version("ioebss")
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return [Finding("IOEBSS", NOTE, f"{version}, {where}", details=version)]


def _processor() -> list[Finding]:
    flag = eight_bit_dot_products()
    if flag:
        text = f"{flag}: 8-bit models are fast on this processor"
        return [Finding("8-bit CPU", GOOD, text, details=flag)]
    text = f"none of {', '.join(DOT_PRODUCTS)}: models run in float32 on the processor"
    return [Finding("8-bit CPU", NOTE, text)]


def _driver_and_kernels() -> list[Finding]:
    try:
        system = libcuda.probe()
        version = ".".join(map(str, system.version))
        libcuda.check_version(system.version)
    except BackendError as error:
        return [_refused("NVIDIA driver", error), _kernels(())]
    found = [Finding("NVIDIA driver", GOOD, f"speaks CUDA {version}", details=version)]
    for number, gpu in enumerate(system.gpus):
        capability, memory = gpu.compute_capability, gpu.memory / 1024**3
        text = f"{gpu.name}, compute capability {capability}, {memory:.0f} GiB"
        details = {"name": gpu.name, "compute_capability": capability, "memory": gpu.memory}
        found.append(Finding(f"GPU {number}", GOOD, text, details=details))
    return [*found, _kernels(system.gpus)]


def _kernels(gpus: tuple[libcuda.Gpu, ...]) -> Finding:
    try:
        size, images = len(kernels.fatbin()), kernels.record()["images"]
    except BackendError as error:
        return _refused("CUDA kernels", error)
    text = f"{size / 1024:.0f} KiB for {', '.join(images)}"
    for gpu in gpus[:1]:  # the one that is used
        fitting = images_for(gpu.compute_capability, images)
        if not fitting:
            return Finding(
                "CUDA kernels",
                MISSING,
                f"none for compute capability {gpu.compute_capability}: {text}",
                "add it to MACHINES in runtime/kernels/build.py and run python -m "
                "ioebss.kernels.build, with CUDA's nvcc",
                images,
            )
        text += f"; {fitting[-1]} fits this GPU"
    return Finding("CUDA kernels", GOOD, text, details=images)


def _tensorrt(name: str, flavour: str) -> Finding:
    return _library(name, flavour, MODULES[flavour], REMEDIES[flavour])


def _library(name: str, package: str, modules: tuple[str, ...], remedy: str) -> Finding:
    """A library, which is the first of these modules that is installed."""
    module = next((m for m in modules if _is_there(m)), None)
    if module is None:
        return Finding(name, MISSING, "not installed", remedy)
    root = module.partition(".")[0]
    code = f"import {module}, {root}; print(getattr({root}, '__version__', None) or '')"
    good, said = _run_python(code)
    if not good:
        return Finding(name, MISSING, f"installed, but does not import: {said}", remedy)
    version = said or _version_of(package) or "of unknown version"
    return Finding(name, GOOD, version, details=version)


def _onnxruntime() -> list[Finding]:
    name, remedy = "ONNX Runtime", 'pip install "ioebss[cpu]", or "ioebss[gpu]" for NVIDIA GPUs'
    if not _is_there("onnxruntime"):
        return [Finding(name, MISSING, "not installed", remedy)]
    code = (
        "import json, onnxruntime as o;"
        "print(json.dumps([o.__version__, o.get_available_providers()]))"
    )
    good, said = _run_python(code)
    if not good:
        text = f"installed, but does not import: {said}"
        return [Finding(name, MISSING, text, remedy)]
    version, providers = json.loads(said)
    details = {"version": version, "providers": providers}
    found = [Finding(name, GOOD, f"{version}, {', '.join(providers)}", details=details)]
    if _version_of("onnxruntime") and _version_of("onnxruntime-gpu"):
        text = "onnxruntime and onnxruntime-gpu are both installed: one overwrites the other"
        remedy = "pip uninstall onnxruntime onnxruntime-gpu, then install the one that you want"
        found.append(Finding("ONNX Runtime twice", MISSING, text, remedy))
    if "CUDAExecutionProvider" not in providers:
        text = "no CUDA provider in this onnxruntime"
        remedy = 'pip uninstall onnxruntime, then pip install "ioebss[gpu]"'
        found.append(Finding("ONNX Runtime CUDA", MISSING, text, remedy))
    return found


def _nvcc() -> list[Finding]:
    name, remedy = "nvcc", "only needed to install pycuda from source: the CUDA 13 toolkit has it"
    program = shutil.which("nvcc")
    if program is None:
        return [Finding(name, NOTE, "not in PATH", remedy)]
    good, said = _run([program, "--version"])
    version = re.search(r"V(\d[\d.]*)", said)
    if not good or not version:
        return [Finding(name, NOTE, f"{program} says no version: {said[:300]}", remedy)]
    return [Finding(name, GOOD, version[1], details=version[1])]


def _bundled_model() -> list[Finding]:
    """What `Segmenter()` takes here, and why."""
    code = (
        "import json; from ioebss import Segmenter; s = Segmenter();"
        "print(json.dumps([s.backend, s.precision, s.model.name, s.reasons]))"
    )
    name = "The bundled model"
    good, said = _run_python(code)
    if not good:
        remedy = 'pip install "ioebss[cpu]"'
        return [Finding(name, MISSING, f"does not run: {said}", remedy)]
    backend, precision, file, reasons = json.loads(said)
    details = {"backend": backend, "precision": precision, "file": file, "reasons": reasons}
    text = "\n".join([f"runs on {backend} in {precision} ({file})", *reasons])
    return [Finding(name, GOOD, text, details=details)]


# -- asking ----------------------------------------------------------------------------------------


def _refused(name: str, error: BackendError) -> Finding:
    """The messages of these errors end with what to do."""
    text, _, remedy = str(error).partition("; ")
    return Finding(name, MISSING, text, remedy)


def _is_there(module: str) -> bool:
    """Whether a module's package is installed; nothing is imported."""
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _run_python(code: str) -> tuple[bool, str]:
    """The last line that it prints: libraries print what they like before. Without -P it would
    import what lies in the folder that one happens to be in, which our commands do not."""
    good, said = _run([sys.executable, "-P", "-c", code])
    return good, said.splitlines()[-1] if said else ""


def _run(command: list[str]) -> tuple[bool, str]:
    """Whether a command went well, and what it printed, or in a line why it did not."""
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"it takes longer than {PATIENCE} seconds"
    except OSError as error:
        return False, error.strerror or str(error)
    if result.returncode == 0:
        return True, result.stdout.strip()
    if result.returncode < 0:
        return False, f"it crashes (signal {-result.returncode})"
    lines = result.stderr.strip().splitlines()
    return False, lines[-1][:300] if lines else f"exit code {result.returncode}"
