from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ioebss.serving.errors import ServiceError
from ioebss.serving.lane import Lane


@asynccontextmanager
async def blocked(lane: Lane) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Keeps the lane busy until the block ends."""
    begun, gate = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait()

    tasks = [asyncio.ensure_future(lane.run("blocker", wait))]
    await asyncio.to_thread(begun.wait)
    try:
        yield tasks
    finally:
        gate.set()


async def settled() -> None:
    """Lets tasks that were just made reach their first wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


def test_clients_take_turns_and_keep_their_own_order() -> None:
    async def scenario() -> None:
        lane, done = Lane("test", 100, 100), []
        async with blocked(lane) as tasks:
            for job in ("a1", "a2", "a3", "b1", "b2", "c1"):
                work = lambda job=job: done.append(job)  # noqa: E731
                tasks.append(asyncio.ensure_future(lane.run(job[0], work)))
                await settled()
        await asyncio.gather(*tasks)
        assert done == ["a1", "b1", "c1", "a2", "b2", "a3"]
        lane.close()

    run(scenario())


def test_one_at_a_time_in_one_thread() -> None:
    async def scenario() -> None:
        lane, threads, inside = Lane("test", 100, 100), set(), []

        def work() -> int:
            inside.append(1)
            threads.add(threading.get_ident())
            most = len(inside)
            inside.pop()
            return most

        found = await asyncio.gather(*(lane.run(str(i % 7), work) for i in range(60)))
        assert set(found) == {1}
        assert len(threads) == 1 and threading.get_ident() not in threads
        lane.close()

    run(scenario())


def test_steps_let_others_in() -> None:
    async def scenario() -> None:
        lane, done = Lane("test", 100, 100), []

        def steps() -> Generator[None, None, str]:
            for number in range(3):
                done.append(f"long{number}")
                yield
            return "end"

        async with blocked(lane) as tasks:
            long = asyncio.ensure_future(lane.run_steps("long", steps()))
            await settled()
            tasks.append(asyncio.ensure_future(lane.run("short", lambda: done.append("short"))))
            await settled()
        assert await long == "end"
        await asyncio.gather(*tasks)
        assert done == ["long0", "short", "long1", "long2"]
        lane.close()

    run(scenario())


def test_a_full_lane_refuses_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        lane, done = Lane("test", 3, 2), []
        async with blocked(lane) as tasks:
            for client in "aab":
                work = lambda client=client: done.append(client)  # noqa: E731
                tasks.append(asyncio.ensure_future(lane.run(client, work)))
                await settled()
                if client == "a" and len(tasks) == 3:
                    with pytest.raises(ServiceError) as refused:  # a has its two
                        await lane.run("a", lambda: done.append("never"))
                    assert refused.value.status_code == 429
            assert lane.waiting == 3
            with pytest.raises(ServiceError) as refused:  # and the lane its three
                await lane.run("c", lambda: done.append("never"))
            assert refused.value.status_code == 429
            assert int((refused.value.headers or {})["Retry-After"]) >= 1
        await asyncio.gather(*tasks)
        assert done == ["a", "b", "a"]
        await lane.run("c", lambda: done.append("c"))
        assert done[-1] == "c" and lane.waiting == 0
        lane.close()

    run(scenario())


def test_what_nobody_waits_for_is_not_begun() -> None:
    async def scenario() -> None:
        lane, done = Lane("test", 100, 100), []
        async with blocked(lane) as tasks:
            gone = asyncio.ensure_future(lane.run("a", lambda: done.append("gone")))
            tasks.append(asyncio.ensure_future(lane.run("a", lambda: done.append("stays"))))
            await settled()
            gone.cancel()
            await settled()
            assert gone.cancelled()
            assert lane.waiting == 1  # its place is free at once
        await asyncio.gather(*tasks)
        assert done == ["stays"]
        lane.close()

    run(scenario())


def test_who_cancels_waits_for_the_step_that_runs() -> None:
    """So that a session is not closed while the lane works on it."""

    async def scenario() -> None:
        lane, done = Lane("test", 100, 100), []
        begun, gate = threading.Event(), threading.Event()

        def steps() -> Generator[None, None, None]:
            begun.set()
            gate.wait()
            done.append("first")
            yield
            done.append("second")

        task = asyncio.ensure_future(lane.run_steps("a", steps()))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await settled()
        assert not task.done()
        gate.set()
        await asyncio.wait([task])
        assert task.cancelled() and done == ["first"]
        lane.close()

    run(scenario())


def test_errors_reach_the_one_who_waits_and_nobody_else() -> None:
    async def scenario() -> None:
        lane = Lane("test", 100, 100)
        with pytest.raises(ZeroDivisionError):
            await lane.run("a", lambda: 1 // 0)
        assert await lane.run("a", lambda: 5) == 5
        lane.close()

    run(scenario())


def test_what_is_done_is_not_kept() -> None:
    """A session that is closed must not stay in memory until another photo is opened."""

    class Photo:
        pass

    async def scenario() -> None:
        lane = Lane("test", 100, 100)
        result = await lane.run("a", Photo)
        known = weakref.ref(result)
        del result
        for _ in range(100):  # until the lane's thread waits again
            gc.collect()
            if known() is None:
                break
            await asyncio.sleep(0.01)
        assert known() is None
        lane.close()

    run(scenario())


def test_closing_finishes_what_waits() -> None:
    async def scenario() -> None:
        lane, done = Lane("test", 100, 100), []
        async with blocked(lane) as tasks:
            tasks += [
                asyncio.ensure_future(lane.run(str(i), lambda i=i: done.append(i)))
                for i in range(5)
            ]
            await settled()
            closing = asyncio.ensure_future(asyncio.to_thread(lane.close))
            await settled()
        await asyncio.gather(*tasks, closing)
        assert done == [0, 1, 2, 3, 4]

    run(scenario())
