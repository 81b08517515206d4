"""A lane: one worker, one piece of work at a time, in fair turns. The network has one, and so has
the decoding of photos.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ioebss.serving.errors import ServiceError

T = TypeVar("T")
Steps = Generator[None, None, T]
SMOOTHING = 0.1  # weight of the newest duration in the running mean


class _Job:
    """Work of somebody who waits for it, or has stopped to."""

    def __init__(self, client: str, steps: Steps[Any]) -> None:
        self.client, self.steps = client, steps
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.abandoned = False

    def answer(self, result: Any = None, error: BaseException | None = None) -> None:
        """Hands the outcome to the loop that waits."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Lane:
    """Runs what is given to it in a thread of its own.

    Clients take turns: each gets one step of work, then the next client, so that one who asks for
    much does not keep the others waiting. A client's own work is done in the order in which it
    came. What nobody waits for any more is dropped; if it had not begun, nothing of it happens.

    Args:
        name: of the thread.
        capacity: pieces of work that may wait.
        each: of them, of one client.
    """

    def __init__(self, name: str, capacity: int, each: int) -> None:
        self._capacity, self._each = capacity, each
        self._turns: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._changed = threading.Condition()
        self._waiting = 0
        self._closing = False
        self._seconds = 0.0  # running mean of a step
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        return self._waiting

    async def run(self, client: str, work: Callable[[], T]) -> T:
        """Runs a function when it is the client's turn; see `run_steps`."""
        return await self.run_steps(client, _one_step(work))

    async def run_steps(self, client: str, steps: Steps[T]) -> T:
        """Runs a generator to its end, with turns of other clients between its steps.

        Args:
            client: whose turn it takes.
            steps: runs in the lane's thread.

        Returns:
            What the generator returns.

        Raises:
            ServiceError: 429, the lane is full, by this client or by all together. Nothing has
                been done then. What the work raises goes through.
        """
        job = _Job(client, steps)
        self._put(job)
        try:
            await asyncio.wait([job.future])
        except asyncio.CancelledError:
            # A step that runs is waited for: what it works on is in use until it ends.
            if not self._withdrawn(job):
                await asyncio.wait([job.future])
                job.future.exception()  # looked at, so that asyncio does not report it
            raise
        result: T = job.future.result()
        return result

    def close(self) -> None:
        """Finishes what is waiting, then ends the thread. Nothing may be given to it any more."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    # -- inside ------------------------------------------------------------------------------------

    def _put(self, job: _Job) -> None:
        with self._changed:
            jobs = self._turns.get(job.client, ())
            if self._waiting >= self._capacity or len(jobs) >= self._each:
                after = max(1, math.ceil(self._waiting * self._seconds))
                raise ServiceError(
                    429, "busy", f"too much is waiting; try again in {after} s", after
                )
            self._turns.setdefault(job.client, deque()).append(job)
            self._waiting += 1
            self._changed.notify()

    def _withdrawn(self, job: _Job) -> bool:
        """Takes work back that waits; False if a step of it runs, after which it ends."""
        with self._changed:
            job.abandoned = True
            jobs = self._turns.get(job.client, deque())
            if job not in jobs:
                return False
            jobs.remove(job)
            self._waiting -= 1
            if not jobs:
                del self._turns[job.client]
            return True

    def _next(self) -> _Job | None:
        """The next client's oldest work, and the client to the end of the row; None at the end."""
        with self._changed:
            while not self._turns:
                if self._closing:
                    return None
                self._changed.wait()
            client, jobs = self._turns.popitem(last=False)
            job = jobs.popleft()
            self._waiting -= 1
            if jobs:
                self._turns[client] = jobs
            return job

    def _again(self, job: _Job) -> None:
        """Unfinished work stays the first of its client, who waits for another turn."""
        with self._changed:
            if job.abandoned:
                job.answer()
                return
            self._turns.setdefault(job.client, deque()).appendleft(job)
            self._waiting += 1

    def _work(self) -> None:
        while (job := self._next()) is not None:
            started = time.perf_counter()
            try:
                next(job.steps)
            except StopIteration as end:
                job.answer(end.value)
            except BaseException as error:  # whatever it is, it belongs to the one who waits
                job.answer(error=error)
            else:
                self._again(job)
            self._seconds += SMOOTHING * (time.perf_counter() - started - self._seconds)
            del job  # or its photo and result would be kept until there is other work


def _one_step(work: Callable[[], T]) -> Steps[T]:
    yield from ()
    return work()
