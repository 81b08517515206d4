"""When work on the GPU is recorded, and that it is the newest recording that is played."""

from __future__ import annotations

import pytest

from ioebss.errors import BackendError
from ioebss.gpu.recording import Recording


class Graphs:
    """A driver that knows graphs only: each plays what was put on the stream while recording."""

    def __init__(self) -> None:
        self.fails = ""  # name of the call that fails, once
        self.recording, self.alive, self.made, self.played = False, set[int](), 0, list[int]()

    def begin_capture(self, stream: int) -> None:
        self._fail("begin_capture")
        self.recording = True

    def end_capture(self, stream: int) -> int:
        self.recording = False
        self._fail("end_capture")
        self.made += 1
        self.alive.add(self.made)
        return self.made

    def launch_graph(self, graph: int, stream: int) -> None:
        assert graph in self.alive
        self.played.append(graph)

    def destroy_graph(self, graph: int) -> None:
        self.alive.remove(graph)
        self._fail("destroy_graph")

    def _fail(self, name: str) -> None:
        if self.fails == name:
            self.fails = ""
            raise BackendError(f"{name} failed")


def test_it_is_recorded_anew_as_kernels_get_better() -> None:
    graphs, plain = Graphs(), []
    recording = Recording(graphs)  # type: ignore[arg-type]

    def work() -> None:
        if not graphs.recording:
            plain.append(1)

    for _ in range(70):
        recording.do(work, 1)
    # Plainly once; recorded before the 2nd, 5th, 17th and 65th time.
    assert plain == [1]
    assert graphs.played == [1] * 3 + [2] * 12 + [3] * 48 + [4] * 6
    assert graphs.alive == {4}
    recording.forget()
    assert not graphs.alive
    recording.do(work, 1)
    assert plain == [1, 1] and graphs.made == 4


@pytest.mark.parametrize("fails", ["begin_capture", "end_capture", "work"])
def test_a_later_recording_that_fails_leaves_the_one_before(fails: str) -> None:
    graphs, plain = Graphs(), []
    recording = Recording(graphs)  # type: ignore[arg-type]

    def work() -> None:
        if not graphs.recording:
            plain.append(1)
        elif fails == "work" and graphs.made == 1 and len(graphs.played) == 3:
            raise BackendError("the work failed")

    for number in range(20):
        if number == 4 and fails != "work":
            graphs.fails = fails
        recording.do(work, 1)
        assert len(graphs.alive) == (number > 0)
    assert plain == [1] and not graphs.recording
    # The second recording failed; the third, before the 17th time, is the newest.
    newest = graphs.made
    assert graphs.played == [1] * 15 + [newest] * 4 and graphs.alive == {newest}


def test_a_first_recording_that_fails_is_the_last() -> None:
    graphs, plain = Graphs(), []
    graphs.fails = "end_capture"
    recording = Recording(graphs)  # type: ignore[arg-type]
    for _ in range(20):
        recording.do(lambda: None if graphs.recording else plain.append(1), 1)
    assert len(plain) == 20 and not graphs.made and not graphs.played


def test_a_graph_that_is_not_given_back_keeps_no_work_from_being_done() -> None:
    graphs = Graphs()
    recording = Recording(graphs)  # type: ignore[arg-type]
    for number in range(6):
        graphs.fails = "destroy_graph" if number == 4 else ""
        recording.do(lambda: None, 1)
    assert graphs.played == [1, 1, 1, 2, 2]
