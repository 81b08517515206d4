"""The CUDA kernels (`ioebss.kernels`), loaded on a GPU."""

from __future__ import annotations

from ioebss.errors import BackendError
from ioebss.gpu.driver import Driver, Extent
from ioebss.gpu.resources import Resources
from ioebss.kernels import NAMES, fatbin, record

THREADS = 256  # of a block; the kernels take any number
MAX_BLOCKS = 4096  # each goes on through its pixels until all are done
ONE_BLOCK = "obey"  # its clicks are obeyed in order


class Kernels:
    """The kernels on one GPU, shared by all sessions there.

    Args:
        driver: of the GPU.

    Raises:
        BackendError: the fatbin is missing, damaged, or holds no image for this GPU.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        code = fatbin()
        with driver.active():
            self._resources = Resources(driver)
            try:
                module = self._resources.module(code)
                self._functions = {name: driver.function(module, name) for name in NAMES}
            except BackendError as error:
                self._resources.close()
                raise BackendError(
                    f"the CUDA kernels do not load on {driver.name} (compute capability "
                    f"{driver.compute_capability}; they are built for "
                    f"{', '.join(record()['images'])}): {error}"
                ) from None

    def launch(self, name: str, count: int, look: int, stream: int) -> None:
        """Starts a kernel.

        Args:
            name: one of `ioebss.kernels.NAMES`.
            count: how many pixels it has to go through, about.
            look: address of the `Look` on the GPU.
            stream: to put it on.
        """
        blocks = 1 if name == ONE_BLOCK else min(max(1, -(-count // THREADS)), MAX_BLOCKS)
        grid: Extent = (blocks, 1, 1)
        self._driver.launch(self._functions[name], grid, (THREADS, 1, 1), (look,), stream)

    def close(self) -> None:
        """Gives the module back."""
        self._resources.close()
