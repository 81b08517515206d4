"""The CUDA kernels of a look at a photo, compiled for every supported GPU, and their parameters.

The arithmetic stands in `arithmetic.h`, which the C++ library uses too; `look.h` (in Python:
`look.py`) says what a kernel is told; `build.py` makes the fatbin.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from ioebss.errors import BackendError

FOLDER = Path(__file__).parent
FATBIN, RECORD = FOLDER / "kernels.fatbin", FOLDER / "kernels.json"
NAMES = (
    "halve",
    "photo_to_planes",
    "clear_planes",
    "erase_discs",
    "draw_discs",
    "fill_previous",
    "obey",
    "place_mask",
    "logits_to_mask",
)


@cache
def record() -> dict[str, Any]:
    """How the fatbin was made: `nvcc` (version), `images` (such as sm_90 and compute_120),
    `sources` and `sha256` (digests of the sources with the compiler's options, and of the fatbin).

    Raises:
        BackendError: it is missing: the package was installed without the compiled kernels.
    """
    try:
        table: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BackendError(f"{RECORD} cannot be read ({error}); install ioebss again") from None
    return table


def fatbin() -> bytes:
    """The compiled kernels, as `cuModuleLoadData` takes them.

    Raises:
        BackendError: missing or damaged.
    """
    try:
        code = FATBIN.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise BackendError(f"{FATBIN} cannot be read ({reason}); install ioebss again") from None
    if hashlib.sha256(code).hexdigest() != record()["sha256"]:
        raise BackendError(f"{FATBIN} is not the file that was built; install ioebss again")
    return code
