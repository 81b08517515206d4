"""Two replicas on this machine: right masks, sessions that stay, a replica killed under load."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("ray.serve", reason='ray is not installed: pip install "ioebss[ray]"')
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Where others work too a proxy takes longer to start than the 5 s after which Ray kills it.
os.environ["RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S"] = "60"

import ray
from ray import serve
from ray.serve import Application

from ioebss import Segmenter, rle
from ioebss.errors import UsageError
from ioebss.image_files import read_photo
from ioebss.serving.ray_app import Options, app
from ioebss.serving.ray_router import owner_of

pytestmark = pytest.mark.timeout(600)  # Ray takes its time to start where others work too
SECONDS = 40  # in which anything is answered
CLICKS = ((230, 110, 1), (100, 290, 1), (40, 20, 0))
CLIENTS = 4
TITLE = "ray::ServeReplica:default:Replica"


@pytest.fixture(scope="module")
def address(unused_port: int) -> Iterator[str]:
    """Of two replicas behind a door."""
    ray.init(
        num_cpus=4,  # for its books: the machine may have less
        include_dashboard=False,
        object_store_memory=100 * 1024 * 1024,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address="127.0.0.1",
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": unused_port})
        serve.run(app(Options(min_replicas=2, threads=1, seconds=30)))
        yield f"http://127.0.0.1:{unused_port}"
    finally:
        serve.shutdown()
        ray.shutdown()


@pytest.fixture(scope="module")
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def photo(samples: Path) -> Path:
    return samples / "chelsea.jpg"


@pytest.fixture(scope="module")
def expected(photo: Path) -> list[dict[str, Any]]:
    """COCO RLE of the mask after each of `CLICKS`."""
    session = Segmenter().open(read_photo(photo))
    return [rle.encode(session.click(*click)) for click in CLICKS]


class Client:
    """What people's programs do: open, click, and open again when told that a session is lost."""

    def __init__(self, address: str, photo: bytes) -> None:
        self._http = httpx.Client(base_url=address, timeout=SECONDS)
        self._photo = photo
        self.refusals: list[tuple[int, str]] = []
        self.in_a_row = 0  # at most

    def open(self) -> str:
        answer = self._http.post("/v1/sessions", content=self._photo)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def click(self, session: str, number: int) -> dict[str, Any]:
        x, y, label = CLICKS[number]
        body = {"x": x, "y": y, "label": label}
        place = f"/v1/sessions/{session}/clicks"
        answer = self._http.post(place, json=body, params={"mask": "rle"})
        if answer.status_code != 200:
            raise RefusedError(answer)
        mask = answer.json()["mask"]
        return {"size": mask["size"], "counts": mask["counts"]}

    def drawn(self) -> list[dict[str, Any]]:
        """All masks of one photo; after a refusal that says so, from the beginning."""
        for attempt in range(10):
            try:
                answer = self._http.post("/v1/sessions", content=self._photo)
                if answer.status_code != 201:
                    raise RefusedError(answer)
                session = answer.json()["id"]
                masks = [self.click(session, number) for number in range(len(CLICKS))]
                self._http.delete(f"/v1/sessions/{session}")
                return masks
            except RefusedError as refused:
                answer = refused.answer
                self.refusals.append((answer.status_code, answer.json()["error"]["code"]))
                self.in_a_row = max(self.in_a_row, attempt + 1)
                time.sleep(float(answer.headers.get("Retry-After", 0)))
        raise AssertionError(f"refused again and again: {self.refusals}")

    def close(self) -> None:
        self._http.close()


class RefusedError(Exception):
    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.answer = answer


@pytest.fixture
def client(address: str, photo: Path) -> Iterator[Client]:
    client = Client(address, photo.read_bytes())
    yield client
    client.close()


def replica_processes() -> list[int]:
    """Of this process's own cluster: below the raylet that it started."""
    parents, titles = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int(
                    (folder / "stat").read_text().rpartition(")")[2].split()[1]
                )
                titles[int(folder.name)] = (folder / "cmdline").read_text()
            except OSError:
                continue

    def ours(process: int) -> bool:
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    return [p for p, title in titles.items() if title.startswith(TITLE) and ours(p)]


def opened_on_both(client: Client) -> dict[str, str]:
    """A session on each of two replicas, by the replica's id."""
    sessions: dict[str, str] = {}
    while len(sessions) < 2:
        session = client.open()
        sessions.setdefault(owner_of(f"/v1/sessions/{session}"), session)
    return sessions


def test_sessions_stay_with_their_replica(
    client: Client, address: str, expected: list[dict[str, Any]]
) -> None:
    sessions = opened_on_both(client)
    for number in range(len(CLICKS)):  # in turns: each click needs what those before have left
        for session in sessions.values():
            assert client.click(session, number) == expected[number]
    answer = httpx.get(f"{address}/v1/sessions/{next(iter(sessions.values()))}", timeout=SECONDS)
    assert len(answer.json()["clicks"]) == len(CLICKS)


def test_what_the_door_refuses(address: str) -> None:
    with httpx.Client(base_url=address, timeout=SECONDS) as http:
        for name in ("gone1234-abc", "abc", "-"):
            answer = http.get(f"/v1/sessions/{name}")
            assert answer.status_code == 404, answer.text
            assert answer.json()["error"]["code"] == "unknown_session"
        answer = http.get("/healthz", headers={"Host": "evil.example"})
        assert answer.status_code == 421
        answer = http.post("/v1/sessions/x/clicks", content=b" " * 100_000)
        assert answer.status_code == 413
        answer = http.post("/v1/sessions", content=b"no photo")
        assert answer.status_code == 415 and "not a JPEG" in answer.text
        answer = http.get("/")
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_replica_is_killed_under_load(
    address: str, client: Client, photo: Path, expected: list[dict[str, Any]]
) -> None:
    before = opened_on_both(client)
    clients = [Client(address, photo.read_bytes()) for _ in range(CLIENTS)]
    masks: list[list[dict[str, Any]]] = []
    failures: list[BaseException] = []
    enough = threading.Event()

    def work(own: Client) -> None:
        try:
            while not enough.is_set():
                masks.append(own.drawn())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(own,)) for own in clients]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(masks) >= 2 * CLIENTS)
        processes = replica_processes()
        assert len(processes) == 2
        os.kill(processes[0], signal.SIGKILL)
        done = len(masks)
        wait_until(lambda: len(masks) >= done + 4 * CLIENTS)
        wait_until(lambda: len(set(replica_processes()) - {processes[0]}) == 2)
        after = opened_on_both(client)
    finally:
        enough.set()
        for thread in threads:
            thread.join(2 * SECONDS)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)
    assert all(mask == expected for mask in masks)

    # Sessions of the one that lives go on; those of the other are gone, and say so.
    lost = before.keys() - after.keys()
    assert len(lost) == 1
    for replica, session in before.items():
        if replica in lost:
            with pytest.raises(RefusedError, match="unknown_session"):
                client.click(session, 0)
        else:
            assert client.click(session, 0) == expected[0]
    refusals = Counter(refusal for own in clients for refusal in own.refusals)
    assert refusals.keys() <= {(503, "replica_lost"), (404, "unknown_session")}
    assert all(own.in_a_row <= 1 for own in clients), refusals  # one retry is all it costs


def test_options_of_the_command_line() -> None:
    """`serve run ioebss.serving.ray_app:app KEY=VALUE` hands over texts."""
    assert isinstance(
        app({"min_replicas": "2", "max_replicas": "4", "num_gpus": "0.5"}), Application
    )
    for wrong, text in (
        ({"replicas": "2"}, "replicas: Extra inputs are not permitted; the options are model,"),
        ({"min_replicas": "0"}, "min_replicas: Input should be greater than or equal to 1"),
        ({"min_replicas": "2", "max_replicas": "1"}, "max_replicas must not be less"),
        ({"token": "short"}, "a token is 16 to 512"),
    ):
        with pytest.raises(UsageError, match=text):
            app(wrong)


def test_owners() -> None:
    for path, owner in (
        ("/v1/sessions/abcd1234-x-y_z/clicks", "abcd1234"),
        ("/v1/sessions/abcd1234-x", "abcd1234"),
        ("/v1/sessions/abcd1234", ""),
        ("/v1/sessions", ""),
        ("/v1/segment", ""),
        ("/", ""),
    ):
        assert owner_of(path) == owner


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 2 * SECONDS
    while not condition():
        assert time.monotonic() < end, "nothing happens any more"
        time.sleep(0.1)
