"""CUDA graphs through the driver's own library, for bindings that do not have them. Handles are
whole numbers; the context must be current.
"""

from __future__ import annotations

import ctypes
from typing import Any

from ioebss.gpu.libcuda import check

_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other sessions' threads go on


def begin_capture(library: Any, stream: int) -> None:
    """Records the stream's work instead of doing it.

    Raises:
        BackendError: the driver refuses.
    """
    code = library.cuStreamBeginCapture_v2(ctypes.c_void_p(stream), _THREAD_LOCAL)
    check(library, code, "recording a CUDA graph")


def end_capture(library: Any, stream: int) -> int:
    """Ends recording and makes an executable graph; its handle.

    Raises:
        BackendError: something was done meanwhile that cannot be recorded.
    """
    graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
    code = library.cuStreamEndCapture(ctypes.c_void_p(stream), ctypes.byref(graph))
    check(library, code, "recording a CUDA graph")
    try:
        flags = ctypes.c_ulonglong(0)
        code = library.cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, flags)
        check(library, code, "making a CUDA graph")
    finally:
        library.cuGraphDestroy(graph)
    return int(executable.value or 0)


def launch_graph(library: Any, graph: int, stream: int) -> None:
    """Does the recorded work, in order with the stream.

    Raises:
        BackendError: the driver refuses.
    """
    code = library.cuGraphLaunch(ctypes.c_void_p(graph), ctypes.c_void_p(stream))
    check(library, code, "launching a CUDA graph")


def destroy_graph(library: Any, graph: int) -> None:
    """Gives a graph back.

    Raises:
        BackendError: the driver refuses.
    """
    check(library, library.cuGraphExecDestroy(ctypes.c_void_p(graph)), "destroying a CUDA graph")
