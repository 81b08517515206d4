"""A training run, measured as it is: its best weights run by PyTorch, all else by the runtime's own
session, so that a network need not be exported to stand in a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError, MissingExtraError, ModelError, UsageError
from ioebss.image_files import check_photo
from ioebss.manifest import MAX_SIDE, Manifest
from ioebss.session import Session
from ioebss.windows import Zoom

if TYPE_CHECKING:
    from ioebss.export.weights import Trained


class TorchBackend:
    """A trained model in PyTorch; a `ioebss.backends.Backend`. `run` may be called from several
    threads.

    Args:
        trained: of `ioebss.export.weights.load_trained`.
        device: "cpu", "cuda", or as torch names them.

    Raises:
        BackendError: torch cannot use the device.
    """

    name = "torch"

    def __init__(self, trained: Trained, device: str = "cpu") -> None:
        import torch

        from ioebss.export.graph import DeployedModel

        self._torch: Any = torch
        try:
            self._device = torch.device(device)
            self._model = DeployedModel(trained.model).eval().to(self._device)
        except RuntimeError as error:
            raise BackendError(f"torch cannot use the device {device!r}: {error}") from None

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        try:
            with self._torch.inference_mode():
                logits = self._model(self._torch.from_numpy(inputs).to(self._device))
        except RuntimeError as error:
            raise BackendError(f"torch failed: {str(error).splitlines()[0]}") from None
        return np.asarray(logits.float().cpu().numpy(), np.float32)


class CheckpointMethod:
    """The best weights of a training run as a method; see `ioebss.evaluation.protocol.Method`.

    Args:
        run: folder of the run, or its `weights.json`.
        threads: CPU threads of torch, for the whole process; None leaves them.
        size: longer side of the network's input in pixels; None takes the training's.
        zoom: how the runtime zooms in; None always looks at the whole photo.
        device: of torch.

    Attributes:
        manifest: what an export would say of it; its sha256 is that of the file of weights.
        size: longer side of the network's input in pixels.
        training: `label_loss`, its weight in the training, 0 for none; `updates`; and whether the
            network is `reduced`, smaller than its architecture says.

    Raises:
        MissingExtraError: torch is not installed.
        ModelError: there is no such run, or it is damaged.
        UsageError: a size that the network does not take.
        BackendError: torch cannot use the device.
    """

    def __init__(
        self,
        run: Path,
        threads: int | None = None,
        size: int | None = None,
        zoom: Zoom | None = None,
        device: str = "cpu",
    ) -> None:
        if not run.exists():
            raise ModelError(
                f"{run} does not exist; give the folder of a training run, or a model file"
            )
        try:
            import torch

            from ioebss.export.export import manifest_of_run
            from ioebss.export.weights import load_trained
        except ImportError as error:
            raise MissingExtraError(
                f'a training run is run by torch ({error}); pip install "ioebss[export]"'
            ) from None
        if threads is not None:
            torch.set_num_threads(threads)
        trained = load_trained(run)
        self.manifest: Manifest = manifest_of_run(run, trained, zoom)
        step = self.manifest.size_multiple
        self.size = self.manifest.recommended_sizes[0] if size is None else size
        if not 0 < self.size <= MAX_SIDE or self.size % step:
            raise UsageError(f"size = {size}; it must be a multiple of {step} up to {MAX_SIDE}")
        self.backend = TorchBackend(trained, device)
        self.training = _training(trained)

    def open(self, photo: NDArray[np.uint8]) -> Session:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: it is something else.
        """
        check_photo(photo)
        return Session(photo, self.manifest, self.backend, self.size, self.manifest.zoom)


def _training(trained: Trained) -> dict[str, Any]:
    from ioebss.trainer.networks import NetworkSpec

    spec = trained.recipe.network
    whole = NetworkSpec(spec.architecture, spec.backbone, spec.in_channels, planes=spec.planes)
    return {
        "label_loss": trained.recipe.loss.label,
        "updates": trained.training["updates"],
        "reduced": spec != whole,
    }
