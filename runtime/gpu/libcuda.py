"""What the NVIDIA driver itself says, asked through its own library: before anything is loaded that
crashes where there is no driver.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from ioebss.errors import BackendError

LIBRARY = "libcuda.so.1"
MINIMUM = (13, 0)  # CUDA version that the driver must speak: kernels and engines are built with it
DRIVER_ADVICE = "install NVIDIA driver r580 or newer"
NO_GPU = "the NVIDIA driver sees no GPU; see nvidia-smi and CUDA_VISIBLE_DEVICES"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: as the driver calls it.
        compute_capability: "9.0" for example.
        memory: in bytes, all of it.
    """

    name: str
    compute_capability: str
    memory: int


@dataclass(frozen=True)
class System:
    """The driver and what it sees.

    Attributes:
        version: of CUDA that the driver speaks, (13, 0) for example.
        gpus: in the driver's order; `CUDA_VISIBLE_DEVICES` changes it.
    """

    version: tuple[int, int]
    gpus: tuple[Gpu, ...]


def load() -> Any:
    """The driver's library.

    Raises:
        BackendError: it is not there.
    """
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        raise BackendError(f"no NVIDIA driver: {LIBRARY} is not there; {DRIVER_ADVICE}") from None


def probe() -> System:
    """The driver's version and its GPUs.

    Raises:
        BackendError: there is no driver, or it does not work.
    """
    library = load()
    code = library.cuInit(0)
    if code == _NO_DEVICE:
        raise BackendError(NO_GPU)
    if code != 0:
        raise BackendError(
            f"the NVIDIA driver does not start: {error_name(library, code)}; see nvidia-smi, and "
            f"reboot after a driver update, or {DRIVER_ADVICE}"
        )
    version = _integer(library, library.cuDriverGetVersion)
    count = _integer(library, library.cuDeviceGetCount)
    gpus = tuple(_gpu(library, number) for number in range(count))
    return System((version // 1000, version % 1000 // 10), gpus)


def require_gpu() -> Gpu:
    """The first GPU, with a driver that is new enough.

    Raises:
        BackendError: there is none, or the driver is too old.
    """
    system = probe()
    check_version(system.version)
    if not system.gpus:
        raise BackendError(NO_GPU)
    return system.gpus[0]


def check_version(version: tuple[int, int]) -> None:
    """Checks that the driver is new enough.

    Raises:
        BackendError: it is too old.
    """
    if version < MINIMUM:
        has, wants = (".".join(map(str, v)) for v in (version, MINIMUM))
        raise BackendError(
            f"the NVIDIA driver is too old: it speaks CUDA {has}, {wants} is needed; "
            f"{DRIVER_ADVICE}"
        )


def error_name(library: Any, code: int) -> str:
    """A driver's error in words: "CUDA_ERROR_OUT_OF_MEMORY (2)"."""
    text = ctypes.c_char_p()
    if library.cuGetErrorName(code, ctypes.byref(text)) == 0 and text.value:
        return f"{text.value.decode('ascii', 'replace')} ({code})"
    return f"CUDA error {code}"


def check(library: Any, code: int, doing: str) -> None:
    """Checks what a call of the driver returned.

    Raises:
        BackendError: an error.
    """
    if code != 0:
        raise BackendError(f"{doing} failed: {error_name(library, code)}")


def _gpu(library: Any, number: int) -> Gpu:
    device = _integer(library, library.cuDeviceGet, number)
    name = ctypes.create_string_buffer(256)
    check(library, library.cuDeviceGetName(name, len(name), device), "asking a GPU for its name")
    major, minor = (
        _integer(library, library.cuDeviceGetAttribute, attribute, device)
        for attribute in (_MAJOR, _MINOR)
    )
    memory = ctypes.c_size_t()
    code = library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    check(library, code, "asking a GPU for its memory")
    return Gpu(name.value.decode("utf-8", "replace"), f"{major}.{minor}", memory.value)


def _integer(library: Any, function: Any, *arguments: int) -> int:
    value = ctypes.c_int()
    check(library, function(ctypes.byref(value), *arguments), "asking the NVIDIA driver")
    return value.value
