"""When work on the GPU is recorded, and that it is the newest recording that is played."""

from __future__ import annotations

from ioebss.gpu.recording import Recording


class Graphs:
    """A driver that knows graphs only: each plays what was put on the stream while recording."""

    def __init__(self) -> None:
        self.recording, self.alive, self.made, self.played = False, set[int](), 0, list[int]()

    def begin_capture(self, stream: int) -> None:
        self.recording = True

    def end_capture(self, stream: int) -> int:
        self.recording = False
        self.made += 1
        self.alive.add(self.made)
        return self.made

    def launch_graph(self, graph: int, stream: int) -> None:
        assert graph in self.alive
        self.played.append(graph)

    def destroy_graph(self, graph: int) -> None:
        self.alive.remove(graph)


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
