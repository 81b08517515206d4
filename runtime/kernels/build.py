"""Compiles the kernels: `python -m ioebss.kernels.build` in a source checkout, with nvcc.

Writes `kernels.fatbin`, machine code for every supported compute capability and PTX for others, and
`kernels.json`, which says what it was made from. Both are committed: users need no compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ioebss.atomic import write_atomically, write_text_atomically
from ioebss.command import run_command
from ioebss.errors import BackendError, MissingExtraError
from ioebss.kernels import FATBIN, FOLDER, RECORD

SOURCES = ("arithmetic.h", "look.h", "kernels.cu")
MACHINES = ("75", "80", "86", "89", "90", "100", "120")  # compute capabilities, times ten
PTX = "100"  # for chips that are not listed: 11.0, and later ones
# No product may be fused with a sum, or the results would differ from the reference's.
OPTIONS = ("-std=c++17", "-O3", "-fmad=false", "--compress-mode=size", "-fatbin")


def options() -> list[str]:
    """What nvcc is told."""
    codes = [f"-gencode=arch=compute_{m},code=sm_{m}" for m in MACHINES]
    return [*OPTIONS, *codes, f"-gencode=arch=compute_{PTX},code=compute_{PTX}"]


def sources_digest() -> str:
    """SHA-256 of the sources and of the compiler's options."""
    digest = hashlib.sha256(" ".join(options()).encode())
    for name in SOURCES:
        text = (FOLDER / name).read_bytes()
        digest.update(f"\0{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()


def nvcc_version(nvcc: str) -> str:
    """Such as "13.0.88".

    Raises:
        BackendError: it does not run.
    """
    result = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"V(\d+\.\d+\.\d+)", result.stdout)
    if not found:
        raise BackendError(f"{nvcc} --version says no version: {result.stdout or result.stderr}")
    return found[1]


def compile_kernels(nvcc: str) -> bytes:
    """The fatbin. The same sources, options and nvcc give the same bytes.

    Raises:
        BackendError: the compiler fails.
    """
    with tempfile.TemporaryDirectory(prefix="ioebss-kernels-") as folder:
        output = Path(folder) / FATBIN.name
        command = [nvcc, *options(), "kernels.cu", "-o", str(output)]
        result = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BackendError(f"nvcc failed: {result.stderr.strip() or result.stdout.strip()}")
        return output.read_bytes()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        "python -m ioebss.kernels.build", description="Compile the CUDA kernels."
    )
    parser.add_argument("--nvcc", default="nvcc", help="the compiler (the one in PATH)")
    run_command(parser, _build)


def _build(arguments: argparse.Namespace) -> None:
    nvcc = shutil.which(arguments.nvcc)
    if nvcc is None:
        raise MissingExtraError(f"{arguments.nvcc} is not there; install the CUDA 13 toolkit")
    code = compile_kernels(nvcc)
    table = {
        "nvcc": nvcc_version(nvcc),
        "images": [*(f"sm_{m}" for m in MACHINES), f"compute_{PTX}"],
        "sources": sources_digest(),
        "sha256": hashlib.sha256(code).hexdigest(),
    }
    write_atomically(FATBIN, lambda path: path.write_bytes(code))
    text = json.dumps(table, indent=2) + "\n"
    write_text_atomically(RECORD, text)
    print(f"{FATBIN}: {len(code)} bytes, {', '.join(table['images'])}")


if __name__ == "__main__":
    main()
