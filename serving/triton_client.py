"""Clicks here, the network on a Triton Inference Server.

    backend = TritonBackend("triton.example:8001", "mine")
    session = backend.open("photo.jpg")
    mask = session.click(320, 240)

The photograph is prepared and the mask made on this machine, as always; only the network's input
(6 float32 values a pixel of it) and its logits travel, by gRPC. `ioebss-export --triton` writes the
repository to serve, with the manifest among its parameters: no model file is needed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends.onnxruntime_graph import checked_logits
from ioebss.errors import BackendError, MissingExtraError, ModelError
from ioebss.export.triton_config import MANIFEST
from ioebss.image_files import as_photo
from ioebss.json_files import strict_json
from ioebss.manifest import INPUT, MAX_MANIFEST_BYTES, OUTPUT, Manifest, manifest_from
from ioebss.session import Session

SECONDS = 30.0


class TritonBackend:
    """A model on a Triton Inference Server; see `ioebss.backends.Backend`. `run` may be called from
    several threads.

    Args:
        address: host:port of Triton's gRPC service.
        model: its name in the repository.
        version: of it; "" is the one that Triton serves by default.
        seconds: within which Triton must answer.

    Attributes:
        manifest: of the model.

    Raises:
        MissingExtraError: tritonclient is not installed.
        BackendError: Triton cannot be reached, or does not serve the model.
        ModelError: the model was not written by `ioebss-export --triton`.
    """

    name = "triton"

    def __init__(
        self, address: str, model: str, version: str = "", seconds: float = SECONDS
    ) -> None:
        try:
            from tritonclient import grpc
        except (ImportError, RuntimeError) as error:
            raise MissingExtraError(
                f'tritonclient is not usable ({error}); pip install "ioebss[triton]"'
            ) from None
        self._grpc, self._model, self._version, self._seconds = grpc, model, version, seconds
        self._client = grpc.InferenceServerClient(address)
        try:
            answer = self._client.get_model_config(model, version, client_timeout=seconds)
        except grpc.InferenceServerException as error:
            raise self._failed(error) from None
        self.manifest = _manifest_in(answer.config, Path(f"{address}/{model}"))

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        tensor = self._grpc.InferInput(INPUT, list(inputs.shape), "FP32")
        tensor.set_data_from_numpy(np.ascontiguousarray(inputs, np.float32))
        try:
            answer = self._client.infer(
                self._model,
                [tensor],
                self._version,
                [self._grpc.InferRequestedOutput(OUTPUT)],
                client_timeout=self._seconds,
            )
        except self._grpc.InferenceServerException as error:
            raise self._failed(error) from None
        logits = answer.as_numpy(OUTPUT)
        if logits is None or logits.dtype != np.float32:
            raise BackendError(f"Triton's model {self._model} answers without float32 {OUTPUT!r}")
        return checked_logits(logits, inputs)

    def open(self, photo: str | Path | NDArray[np.uint8], longest: int | None = None) -> Session:
        """Prepares a photo for clicking.

        Args:
            photo: path, or RGB uint8 (H, W, 3).
            longest: longer side of the network's input; None takes the recommended one.

        Raises:
            ImageError: the file cannot be read, or the array is no RGB photo.
        """
        return Session(as_photo(photo), self.manifest, self, longest, self.manifest.zoom)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _failed(self, error: Exception) -> BackendError:
        return BackendError(f"Triton's model {self._model} failed: {str(error)[:300]}")


def _manifest_in(config: object, place: Path) -> Manifest:
    parameters = config.parameters  # type: ignore[attr-defined]  # of a protobuf message
    text = parameters[MANIFEST].string_value if MANIFEST in parameters else ""
    try:
        table = strict_json(text) if 0 < len(text) <= MAX_MANIFEST_BYTES else None
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise ModelError(
            f"{place} has no manifest in its parameters ({MANIFEST}); write its repository with "
            "ioebss-export --triton"
        )
    return manifest_from(table, place)
