"""What the processor can do that decides which file of a model is the fast one."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
MAX_CPUINFO_BYTES = 256 * 1024  # of which the first processor's entry is a few kilobytes
DOT_PRODUCTS = ("avx512_vnni", "avx_vnni")  # x86 with VNNI; others were not measured


def eight_bit_dot_products(cpuinfo: Path = CPUINFO) -> str | None:
    """The flag of the processor's 8-bit dot products, "avx512_vnni" or "avx_vnni".

    None where there are none, where that cannot be read (not Linux), and on processors that are not
    x86: whether 8-bit models are faster there was not measured.
    """
    try:
        with cpuinfo.open("rb") as file:
            text = file.read(MAX_CPUINFO_BYTES).decode("ascii", "replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            flags = value.split()
            return next((flag for flag in DOT_PRODUCTS if flag in flags), None)
    return None
