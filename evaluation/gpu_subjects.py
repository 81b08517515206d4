"""What is timed on a GPU: whole clicks through the runtime, and networks alone, as engines and in
PyTorch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ioebss.backends import Backend
from ioebss.manifest import Manifest
from ioebss.overlap import iou
from ioebss.session import Session

CLICKS = 10  # on a photo before it is started anew
COMPARED = ((0.5, 0.5, 1), (0.4, 0.6, 1), (0.05, 0.05, 0))  # clicks, with the reference's


class WholeClick:
    """From a click's coordinates to the mask at the photo's size, by the host's clock.

    Args:
        backend: that runs the model.
        manifest: of the model.
        photo: uint8 (H, W, 3).
        side: longer side of the network's input.
        zoom: whether to zoom in, as the manifest says.
        reference: another backend for the same model, to compare masks with.
    """

    def __init__(
        self,
        backend: Backend,
        manifest: Manifest,
        photo: NDArray[np.uint8],
        side: int,
        zoom: bool,
        reference: Backend | None,
    ) -> None:
        self._look = manifest.zoom if zoom else None
        self._photo, self._manifest, self._side = photo, manifest, side
        self._session = Session(photo, manifest, backend, side, self._look)
        self._reference = reference
        self._rng = np.random.default_rng(0)

    def step(self) -> float:
        """See `Subject`."""
        session = self._session
        if len(session.clicks) >= CLICKS:
            session.reset()
        x, y = self._rng.uniform(0.3, 0.7, 2)
        label = int(self._rng.uniform() < 0.7) if session.clicks else 1
        started = time.perf_counter()
        session.click(int(x * session.width), int(y * session.height), label)
        return 1e3 * (time.perf_counter() - started)

    def notes(self) -> dict[str, Any]:
        """See `Subject`. The masks are compared here: before, and the first step would not be the
        session's first click."""
        if self._reference is None:
            return {}
        self._session.reset()
        arguments = (self._photo, self._manifest, self._reference, self._side, self._look)
        with Session(*arguments) as reference:
            agreement = _agreement(self._session, reference)
        self._session.reset()
        return {"iou": agreement}

    def close(self) -> None:
        """See `Subject`."""
        self._session.close()


def _agreement(session: Session, reference: Session) -> float:
    """The lowest IoU of the masks after the same clicks."""
    found = []
    everywhere = np.ones((session.height, session.width), bool)
    for x, y, label in COMPARED:
        click = (int(x * session.width), int(y * session.height), label)
        found.append(iou(session.click(*click), reference.click(*click), everywhere))
    return round(float(min(found)), 5)


class OnGpu:
    """Work on a stream of the GPU, by CUDA events.

    Args:
        work: puts it on the stream whose handle it is given.
        active: entered around all that is done.
        recorded: as one CUDA graph.
    """

    def __init__(
        self,
        work: Callable[[int], object],
        active: Callable[[], AbstractContextManager[None]] = nullcontext,
        recorded: bool = False,
    ) -> None:
        self._work, self._active = work, active
        cuda: Any = torch.cuda  # its streams and events have no types
        self._stream = cuda.Stream()
        self._events = [cuda.Event(enable_timing=True) for _ in range(2)]
        self._graph: Any = None
        if recorded:
            self._record()

    def _record(self) -> None:
        for _ in range(3):  # libraries choose and compile kernels when they are first called
            self.step()
            time.sleep(0.1)
        graph = torch.cuda.CUDAGraph()
        capture = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        with self._active(), torch.inference_mode(), capture:
            self._work(self._stream.cuda_stream)
        self._graph = graph

    def step(self) -> float:
        """See `Subject`."""
        before, after = self._events
        with self._active(), torch.inference_mode(), torch.cuda.stream(self._stream):
            before.record()
            if self._graph is None:
                self._work(self._stream.cuda_stream)
            else:
                self._graph.replay()
            after.record()
            self._stream.synchronize()
        return float(before.elapsed_time(after))

    def notes(self) -> dict[str, Any]:
        """See `Subject`."""
        return {}

    def close(self) -> None:
        """See `Subject`."""
        self._graph = None


def engine_alone(backend: Any, channels: int, side: int, recorded: bool) -> OnGpu:
    """The network of an engine, fed from the GPU's memory.

    Args:
        backend: one of `ioebss.backends.tensorrt`.
        channels: of its input.
        side: of its input.
        recorded: as one CUDA graph.
    """
    shape = (1, channels, side, side)
    inputs = torch.rand(shape, device="cuda")
    logits = torch.empty((1, 1, side, side), device="cuda")
    pointers = (inputs.data_ptr(), logits.data_ptr())
    execution = backend.open()
    torch.cuda.synchronize()

    def work(stream: int) -> object:
        execution.enqueue(pointers, shape, stream)
        return inputs, logits  # they live as long as the work

    return OnGpu(work, backend.active, recorded)


def eager_alone(network: torch.nn.Module, channels: int, side: int, recorded: bool) -> OnGpu:
    """A network in PyTorch, in half precision and channels last.

    Args:
        network: in half precision, on the GPU.
    """
    inputs = torch.rand((1, channels, side, side), device="cuda", dtype=torch.float16)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    torch.cuda.synchronize()
    return OnGpu(lambda _: network(inputs), recorded=recorded)
