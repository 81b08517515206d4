"""Which half-precision type a recipe's autocast means on a device."""

from __future__ import annotations

import logging

import torch

logger = logging.getLogger("ioebss")
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast_dtype(choice: str, device: torch.device) -> torch.dtype | None:
    """The type to compute in, or None for float32.

    Args:
        choice: `autocast` of the recipe: "none", "bf16" or "fp16".
        device: that computes. On a CPU half precision is used only where oneDNN has it: elsewhere
            PyTorch's own loops do the convolutions, 13 times slower than in float32 (measured on
            an AVX2 processor), and a warning says that float32 is used.
    """
    dtype = DTYPES.get(choice)
    if dtype is None or device.type != "cpu" or _onednn_has(dtype):
        return dtype
    logger.warning("this processor has no fast %s: training in float32", choice)
    return None


def _onednn_has(dtype: torch.dtype) -> bool:
    # PyTorch asks the same for its compiler; there is no public name for it.
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
