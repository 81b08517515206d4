"""The eye of a GPU against the host's, mask by mask, with a stand-in at the driver seam."""

from __future__ import annotations

import ctypes
import gc
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioebss import BUNDLED, Session
from ioebss.errors import BackendError, DeviceMemoryError, UsageError
from ioebss.gpu.kernels import Kernels
from ioebss.image_files import read_photo
from ioebss.windows import Zoom

from .host_driver import HostBackend, HostDriver

MakeModel = Callable[..., Path]
PHOTO = np.random.default_rng(5).integers(0, 256, (133, 201, 3), np.uint8)
ZOOM = Zoom(1.5, 1.1, 30, 0.6)
ZOOMS = (
    *(None, ZOOM, Zoom(1.6, 1.01, 12, 1.0), Zoom(1.5, 1.1, 8, 0.6, 0.4, 1)),
    *(replace(ZOOM, islands=0.05, forget=0.05), Zoom(1.5, 1.1, 8, 0.6, 0.4, 1, 0.0, 0.0, 64)),
    replace(ZOOM, unsure=64),
)

FRACTION = st.floats(0, 1, exclude_max=True)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), FRACTION, FRACTION, st.integers(0, 1)),
        st.tuples(st.just("near"), FRACTION, FRACTION, st.integers(0, 1)),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
        st.tuples(st.just("reset"), st.booleans()),
        st.tuples(st.just("predict"), FRACTION, FRACTION),
    ),
    min_size=3,
    max_size=14,
)


@pytest.fixture
def driver(host_kernels: ctypes.CDLL) -> HostDriver:
    return HostDriver(host_kernels)


def sessions(
    backend: HostBackend, photo: np.ndarray, longest: int | None = None, zoom: Zoom | None = None
) -> tuple[Session, Session]:
    """One on the stand-in, one on the host."""
    manifest = backend.manifest
    return (
        Session(photo, manifest, backend, longest, zoom),
        Session(photo, manifest, backend.network, longest, zoom),
    )


def act(session: Session, action: tuple) -> np.ndarray:
    """Does one thing, or nothing where it is not allowed; the mask after it."""
    name, *values = action
    if name in ("click", "near", "predict"):
        x, y = int(values[0] * session.width), int(values[1] * session.height)
    if name == "near" and session.clicks:  # discs overlap
        last = session.clicks[-1]
        x = min(max(last.x + int(values[0] * 30) - 15, 0), session.width - 1)
        y = min(max(last.y + int(values[1] * 30) - 15, 0), session.height - 1)
    if name == "predict":
        return session.predict([(x, y), (session.width - 1 - x, y, 0), (x, y // 2)])
    if name in ("click", "near"):
        first = not session.clicks
        return session.click(x, y, 1 if first else values[2])
    if name == "undo" and session.clicks:
        return session.undo()
    if name == "redo" and session._undone:
        return session.redo()
    if name == "reset":
        session.reset(session.mask if values[0] and session._manifest.has_previous else None)
    return session.mask


def play(backend: HostBackend, photo: np.ndarray, actions: list[tuple], **options: object) -> None:
    """Both sessions must give the same masks and logits all along."""
    device, host = sessions(backend, photo, **options)  # type: ignore[arg-type]
    with device:
        for action in actions:
            np.testing.assert_array_equal(act(device, action), act(host, action), str(action))
            assert device.clicks == host.clicks
            np.testing.assert_array_equal(device.probability, host.probability)
            for a, b in zip(device._steps, host._steps, strict=True):
                assert (a.prediction.asked, a.prediction.window) == (
                    b.prediction.asked,
                    b.prediction.window,
                )
                np.testing.assert_array_equal(a.prediction.logits, b.prediction.logits)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ACTIONS,
    st.sampled_from([5, 6]),
    st.sampled_from(ZOOMS),
    st.sampled_from([32, 64, 96]),
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.booleans(),
)
def test_it_sees_what_the_host_sees(
    make_model: MakeModel,
    host_kernels: ctypes.CDLL,
    actions: list[tuple],
    channels: int,
    zoom: Zoom | None,
    longest: int,
    shape: tuple[int, int],
    capturable: bool,
) -> None:
    driver = HostDriver(host_kernels)
    backend = HostBackend(make_model(channels), driver, capturable)
    play(backend, PHOTO[: shape[0], : shape[1]], actions, longest=longest, zoom=zoom)
    backend.kernels.close()
    assert driver.held == 0


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTIONS, st.sampled_from(["astronaut", "chelsea", "coffee", "rocket"]))
def test_the_bundled_model_on_photographs(
    host_kernels: ctypes.CDLL, samples: Path, actions: list[tuple], name: str
) -> None:
    backend = HostBackend(BUNDLED, HostDriver(host_kernels))
    zoom = backend.manifest.zoom
    assert zoom is not None
    play(backend, read_photo(samples / f"{name}.jpg"), actions, longest=160, zoom=zoom)


def test_a_model_of_one_size(make_model: MakeModel, driver: HostDriver) -> None:
    backend = HostBackend(make_model(6, side=48), driver)
    actions = [("click", 0.3, 0.4, 1), ("near", 0.6, 0.6, 0), ("undo",), ("near", 0.1, 0.9, 1)]
    play(backend, PHOTO, actions, zoom=ZOOM)


def test_a_large_photo_is_seen_by_halves(driver: HostDriver) -> None:
    """The first click makes them all; then objects of all sizes are looked at. The bundled model
    sees colours, `disc_graph` does not."""
    photo = np.random.default_rng(0).integers(0, 256, (1501, 2003, 3), np.uint8)
    device, host = sessions(HostBackend(BUNDLED, driver), photo, 64, ZOOM)
    device.click(1000, 700)
    for side in (600, 300, 150, 75, 35):
        mask = np.zeros((1501, 2003), bool)
        mask[:side, 300 : 300 + side] = True
        for session in (device, host):
            session.reset(mask)
            session.click(300 + side // 2, side // 2)
        seen, expected = (session._steps[-1].prediction for session in (device, host))
        assert seen.window == expected.window
        np.testing.assert_array_equal(seen.logits, expected.logits)
        np.testing.assert_array_equal(device.mask, host.mask)


def test_thousands_of_clicks_take_no_more_memory(make_model: MakeModel, driver: HostDriver) -> None:
    backend = HostBackend(make_model(), driver)
    before = driver.held
    device = Session(PHOTO, backend.manifest, backend, 32, ZOOM)
    rng = np.random.default_rng(0)
    held = set()
    for number in range(3000):
        if number % 40 == 0:
            device.reset()
        label = int(rng.integers(0, 2)) if device.clicks else 1
        device.click(int(rng.integers(0, 201)), int(rng.integers(0, 133)), label)
        if number % 7 == 0:
            device.undo()
        if number > 50:
            held.add(driver.held)
    assert max(held) - min(held) <= 2  # the graphs of looks and masks, or not yet
    assert driver.plays > 1000
    device.close()
    assert driver.held == before
    device.close()
    with pytest.raises(UsageError, match="the session is closed"):
        device.click(3, 4)


def test_what_nothing_refers_to_is_given_back(make_model: MakeModel, driver: HostDriver) -> None:
    backend = HostBackend(make_model(), driver)
    before = driver.held
    session = Session(PHOTO, backend.manifest, backend)
    for x in (20, 30, 40):
        session.click(x, 40)
    assert driver.held > before
    del session
    gc.collect()
    assert driver.held == before


def scenario(session: Session) -> Iterator[Callable[[], np.ndarray]]:
    """Steps that go through all the eye does."""
    yield lambda: session.click(60, 50)
    yield lambda: session.click(62, 52)
    yield lambda: session.click(64, 54)
    yield lambda: session.click(150, 100, 0)
    yield session.undo
    yield lambda: session.click(63, 40)
    yield lambda: session.predict([(20, 20), (100, 90, 0)], np.ones((133, 201), bool))


@pytest.mark.parametrize("zoom", [None, ZOOM, Zoom(1.4, 1.3, 12, 1.0)])
def test_an_error_anywhere_leaves_the_session_as_it_was_and_nothing_behind(
    make_model: MakeModel, driver: HostDriver, zoom: Zoom | None
) -> None:
    backend = HostBackend(make_model(), driver)
    before = driver.held
    first = driver.calls
    with Session(PHOTO, backend.manifest, backend, 64, zoom) as session:
        expected = [step() for step in scenario(session)]
    calls = driver.calls - first
    failures = 0
    for number in range(calls):
        driver.fail_at = driver.calls + number
        try:
            session = Session(PHOTO, backend.manifest, backend, 64, zoom)
        except BackendError:
            failures += 1
            assert driver.held == before
            continue
        for step, mask in zip(scenario(session), expected, strict=True):
            clicks, undone = session.clicks, session._undone.copy()
            try:
                result = step()
            except BackendError:
                failures += 1
                assert (session.clicks, session._undone) == (clicks, undone)
                result = step()
            np.testing.assert_array_equal(result, mask)
        session.close()
        assert driver.held == before
    # All but those that fail while work is recorded, twice: it is done without, then.
    assert calls > 60 and calls - 50 <= failures < calls


def test_giving_back_goes_on_after_an_error(
    make_model: MakeModel, driver: HostDriver, caplog: pytest.LogCaptureFixture
) -> None:
    backend = HostBackend(make_model(), driver)
    before = driver.held
    real, failed = driver.release, []

    def release(pointer: int) -> None:
        real(pointer)
        if not failed:
            failed.append(pointer)
            raise BackendError("the driver is gone")

    driver.release = release  # type: ignore[method-assign]
    Session(PHOTO, backend.manifest, backend).close()
    assert failed and driver.held == before
    assert "the driver is gone" in caplog.text


def test_where_nothing_can_be_recorded_work_is_done_plainly(
    make_model: MakeModel, driver: HostDriver, caplog: pytest.LogCaptureFixture
) -> None:
    driver.capturable = False
    backend = HostBackend(make_model(), driver)
    actions = [("click", 0.3, 0.4, 1)] + 4 * [("near", 0.6, 0.6, 1)]
    with caplog.at_level(logging.INFO, "ioebss"):
        play(backend, PHOTO, actions)
    assert driver.plays == 0
    assert "work on the GPU is not recorded: this driver records nothing" in caplog.messages


def test_clicks_in_one_window_are_played(make_model: MakeModel, driver: HostDriver) -> None:
    backend = HostBackend(make_model(), driver)
    session = Session(PHOTO, backend.manifest, backend)
    for x in range(40, 60):
        session.click(x, 40)
    assert driver.plays == 2 * 19  # all but the first, looks and masks


def test_sessions_in_threads_share_an_engine(make_model: MakeModel, driver: HostDriver) -> None:
    backend = HostBackend(make_model(), driver)
    before = driver.held

    def clicks(seed: int) -> None:
        rng = np.random.default_rng(seed)
        actions = [("click", *rng.uniform(0, 1, 2), int(rng.integers(0, 2))) for _ in range(12)]
        play(backend, PHOTO[: 100 + seed], actions, longest=64, zoom=ZOOM)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(clicks, range(12)))
    assert driver.held == before


@pytest.mark.parametrize("memory", [1, 100_000, 200_000])
def test_out_of_memory(make_model: MakeModel, host_kernels: ctypes.CDLL, memory: int) -> None:
    driver = HostDriver(host_kernels, memory)
    backend = HostBackend(make_model(), driver)
    before = driver.held
    with pytest.raises(DeviceMemoryError, match="the GPU's memory is used up"):
        Session(PHOTO, backend.manifest, backend, 96)
    assert driver.held == before and driver._free == memory


def test_out_of_memory_in_between(make_model: MakeModel, host_kernels: ctypes.CDLL) -> None:
    """A mask to start from takes more; without it the session goes on."""
    driver = HostDriver(host_kernels)
    backend = HostBackend(make_model(), driver)
    session, host = sessions(backend, PHOTO, 64)
    session.click(50, 60)
    driver._free = 1000
    session.reset(np.ones((133, 201), bool))
    with pytest.raises(DeviceMemoryError):
        session.click(50, 60)
    assert session.clicks == ()
    session.reset()
    np.testing.assert_array_equal(session.click(50, 60), host.click(50, 60))


def test_a_fatbin_without_a_fitting_image(
    driver: HostDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_module(image: bytes) -> int:
        raise BackendError("loading kernels failed: no kernel image is available")

    monkeypatch.setattr(driver, "load_module", load_module)
    driver.compute_capability = "6.1"
    with pytest.raises(BackendError, match=r"compute capability 6.1; they are built for sm_75, .*"):
        Kernels(driver)
    assert driver.held == 0
