"""Sessions whose network runs behind Triton's protocol, against those that run it themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")

from ioebss import Segmenter
from ioebss.errors import BackendError, ClickError, ImageError, ModelError
from ioebss.export.triton import write_repository
from ioebss.manifest import read_manifest
from ioebss.segmenter import BUNDLED, BUNDLED_INT8
from ioebss.serving.triton_client import TritonBackend

from .triton_server import Servicer, serving

CLICKS = ((230, 110, 1), (100, 290, 1), (40, 20, 0))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Servicer]]:
    repository = tmp_path_factory.mktemp("triton") / "repository"
    write_repository([BUNDLED, BUNDLED_INT8], repository)
    with serving(repository) as running:
        yield running


@pytest.mark.parametrize("model", [BUNDLED, BUNDLED_INT8], ids=["fp32", "int8"])
def test_masks_equal_the_segmenters(
    server: tuple[str, Servicer], samples: Path, model: Path
) -> None:
    backend = TritonBackend(server[0], model.stem)
    assert backend.manifest == read_manifest(model)
    remote = backend.open(samples / "chelsea.jpg")
    local = Segmenter(model, precision="exact").open(samples / "chelsea.jpg")
    for x, y, label in CLICKS:
        mask = remote.click(x, y, label)
        assert mask.any() and np.array_equal(mask, local.click(x, y, label))
    assert np.array_equal(remote.undo(), local.undo())
    with pytest.raises(ClickError):
        remote.click(10_000, 10)
    with pytest.raises(ImageError, match="a photo array has shape"):
        backend.open(np.zeros((4, 4), np.uint8))
    backend.close()


def test_threads_share_a_backend(server: tuple[str, Servicer], samples: Path) -> None:
    backend = TritonBackend(server[0], "default.int8.cpu")
    segmenter = Segmenter(BUNDLED_INT8)
    photos = sorted(samples.glob("*.jpg"))
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(lambda p: backend.open(p).click(150, 150), photos))
    for photo, mask in zip(photos, masks, strict=True):
        assert np.array_equal(mask, segmenter.open(photo).click(150, 150))


def test_what_fails_says_so(server: tuple[str, Servicer]) -> None:
    with pytest.raises(BackendError, match="unknown model nothing"):
        TritonBackend(server[0], "nothing")
    with pytest.raises(BackendError, match="Triton's model default failed"):
        TritonBackend("127.0.0.1:1", "default", seconds=2)
    backend = TritonBackend(server[0], "default.int8.cpu")
    with pytest.raises(BackendError, match="unexpected"):
        backend.run(np.zeros((1, 5, 64, 64), np.float32))
    with pytest.raises(BackendError, match="batch-size"):
        backend.run(np.zeros((9, 6, 64, 64), np.float32))


def test_a_model_of_somebody_else(make_model: Callable[..., Path], tmp_path: Path) -> None:
    write_repository([make_model()], tmp_path / "repository")
    config = tmp_path / "repository" / "discs" / "config.pbtxt"
    text = config.read_text()
    for other in (text.replace("ioebss_manifest", "other"), text.replace("{\\042", "[\\042")):
        assert other != text
        config.write_text(other)
        with (
            serving(tmp_path / "repository") as (address, _),
            pytest.raises(ModelError, match="has no manifest in its parameters"),
        ):
            TritonBackend(address, "discs")
