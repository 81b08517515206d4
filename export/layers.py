"""Which layer to look at first: the convolutions of two graphs, one by one.

Each convolution is compared behind its activation function, its rounding and its quantisation: at
the last value that only it leads to. Two errors are measured there, as signal-to-noise ratios
(SQNR, 10 log10 of the reference's power over that of the difference, in dB):

- *own*: every layer of the candidate is fed the reference's activations, so that what is seen is
  the fault of the layer, and of what lies between it and the layers before it, alone;
- *added up*: the candidate runs as it is.
"""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from ioebss.backends.onnxruntime_graph import session_options
from ioebss.calibration.graph_parts import read_graph
from ioebss.errors import ModelError, first_line
from ioebss.manifest import INPUT

LAYERS = ("Conv", "ConvTranspose")
# What may follow a convolution without making its value another one's.
FOLLOWING = (
    "Cast",
    "Clip",
    "DequantizeLinear",
    "QuantizeLinear",
    "Relu",
    "Squeeze",
    "Unsqueeze",
)
LEADING = ("Cast", "DequantizeLinear", "QuantizeLinear")  # from a stored weight to its use
MAX_DB = 120.0
WORST = 5
MAX_SIDE = 512  # of an input: activations of all layers are in memory at once
_FED = "_of_the_reference"  # behind the name of a value: the input that takes its place

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class LayerError:
    """What one convolution does.

    Attributes:
        name: of its weight, which `--keep-fp32` takes a part of.
        node: name of the node.
        own, added_up: SQNR in dB, -120 to 120.
        not_finite: values of the candidate, fed the reference's activations, that are not finite.
    """

    name: str
    node: str
    own: float
    added_up: float
    not_finite: int


@dataclass(frozen=True)
class LayerErrors:
    """All convolutions, in the graph's order.

    Attributes:
        inputs: how many inputs were run.
    """

    layers: tuple[LayerError, ...]
    inputs: int

    @property
    def first(self) -> LayerError:
        """The one to look at first: the first that overflows, else the worst."""
        return next((layer for layer in self.layers if layer.not_finite), self.worst[0])

    @property
    def median(self) -> float:
        """Of the SQNR that the layers have of their own, in dB."""
        return float(np.median([layer.own for layer in self.layers]))

    @property
    def worst(self) -> list[LayerError]:
        """Those with the lowest SQNR of their own, the lowest first."""
        return sorted(self.layers, key=lambda layer: layer.own)[:WORST]

    @property
    def look_first(self) -> str:
        """The layer to look at first, in words."""
        layer = self.first
        if layer.not_finite:
            return f"{layer.name}: {layer.not_finite} of its values are not finite"
        return (
            f"{layer.name}: {layer.own:.1f} dB of its own, the median layer has "
            f"{self.median:.1f} dB"
        )


def compare_layers(
    reference: Path, candidate: Path, inputs: Sequence[NDArray[np.float32]], multiple: int
) -> LayerErrors:
    """Compares the convolutions of two ONNX files on some inputs, by ONNX Runtime on the CPU.

    Args:
        reference, candidate: graphs of one network; the candidate may hold half tensors, Q/DQ
            nodes, casts. Convolutions are matched by node name, or by order.
        inputs: float32 (1, C, H, W) each, at least one; cut to `MAX_SIDE` pixels where they are
            larger and the graph takes any size.
        multiple: sides of an input are multiples of this.

    Raises:
        ModelError: the graphs are not of one network, or cannot be run like this.
    """
    graphs = _Tapped(read_graph(reference)), _Tapped(read_graph(candidate))
    pairs = _matched(*graphs)
    names = tuple([pair[i].value for pair in pairs] for i in range(2))
    own, added_up = _Sums(len(pairs)), _Sums(len(pairs))
    with tempfile.TemporaryDirectory(prefix="ioebss-layers-") as folder:
        expecting = graphs[0].session(Path(folder) / "reference.onnx", names[0])
        whole = graphs[1].session(Path(folder) / "candidate.onnx", names[1])
        cut: Any = None
        for value in inputs:
            feed = {INPUT: _cropped(value, graphs, multiple)}
            expected = [a.astype(np.float32) for a in _run(expecting, names[0], feed)]
            actual = _run(whole, names[1], feed)
            _check_shapes(expected, actual, pairs)
            added_up.add(expected, actual)
            kinds = {name: a.dtype for name, a in zip(names[1], actual, strict=True)}
            cut = cut or graphs[1].cut(Path(folder) / "cut.onnx", kinds)
            for name, want in zip(names[1], expected, strict=True):
                feed[name + _FED] = _to(want, kinds[name])
            own.add(expected, _run(cut, names[1], feed))
    ratios = zip(pairs, own.decibels(), added_up.decibels(), own.not_finite, strict=True)
    layers = [LayerError(p[0].weight, p[0].node, a, b, count) for p, a, b, count in ratios]
    return LayerErrors(tuple(layers), len(inputs))


def _check_shapes(
    expected: Sequence[NDArray[Any]],
    actual: Sequence[NDArray[Any]],
    pairs: Sequence[tuple[_Layer, _Layer]],
) -> None:
    for want, got, (layer, _) in zip(expected, actual, pairs, strict=True):
        if want.shape != got.shape:
            raise ModelError(
                f"{layer.weight} gives shape {got.shape} in the candidate, {want.shape} in the "
                "reference: they are not of one network"
            )


@dataclass(frozen=True)
class _Layer:
    """A convolution: names of its node, its stored weight and the value that it leads to."""

    node: str
    weight: str
    value: str


class _Tapped:
    """A graph whose layers can be listened to, and fed."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        self.graph = graph
        self.users: dict[str, list[Any]] = defaultdict(list)
        self._makers = {}
        for node in graph.graph.node:
            for name in node.input:
                self.users[name].append(node)
            for name in node.output:
                self._makers[name] = node
        self._outputs = {value.name for value in graph.graph.output}
        self.layers = [
            _Layer(node.name, self._stored(node.input[1]), self._followed(node.output[0]))
            for node in graph.graph.node
            if node.op_type in LAYERS
        ]
        if not self.layers:
            raise ModelError("the graph has no convolution to compare")

    @property
    def takes_any_size(self) -> bool:
        shape = next(v for v in self.graph.graph.input if v.name == INPUT).type.tensor_type.shape
        return not any(side.HasField("dim_value") for side in shape.dim[2:])

    def session(self, path: Path, taps: Sequence[str]) -> Any:
        """The graph with these values as outputs."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.graph)
        _add_outputs(copy, taps)
        return _opened(copy, path)

    def cut(self, path: Path, kinds: dict[str, Any]) -> Any:
        """The graph with the values of `kinds` as outputs, and what reads them reading new inputs
        instead, which are named with `_FED` behind."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.graph)
        for node in copy.graph.node:
            for place, name in enumerate(node.input):
                if name in kinds:
                    node.input[place] = name + _FED
        for name, kind in kinds.items():
            if self.users[name]:
                code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
                copy.graph.input.append(helper.make_tensor_value_info(name + _FED, code, None))
        _add_outputs(copy, list(kinds))
        return _opened(copy, path)

    def _stored(self, name: str) -> str:
        """The constant that a weight comes from, by the name that it has in float32."""
        while name in self._makers and self._makers[name].op_type in LEADING:
            name = self._makers[name].input[0]
        return name.removesuffix("_quantized")

    def _followed(self, name: str) -> str:
        """The last value that only this one leads to."""
        while name not in self._outputs:
            users = self.users[name]
            alone = len(users) == 1 and users[0].op_type in FOLLOWING
            # One quantised value may have a dequantiser for each reader: they are all alike.
            if not alone and not (users and all(u.op_type == "DequantizeLinear" for u in users)):
                break
            if users[0].input[0] != name:
                break
            name = users[0].output[0]
        return name


class _Sums:
    """Power of signal and noise of each layer, added up over inputs."""

    def __init__(self, layers: int) -> None:
        self._signal, self._noise = [0.0] * layers, [0.0] * layers
        self.not_finite = [0] * layers

    def add(self, expected: Sequence[NDArray[Any]], actual: Sequence[NDArray[Any]]) -> None:
        for i, (want, got) in enumerate(zip(expected, actual, strict=True)):
            signal, value = want.astype(np.float64), got.astype(np.float64)
            with np.errstate(invalid="ignore", over="ignore"):
                self._signal[i] += float(np.square(signal).sum())
                self._noise[i] += float(np.square(value - signal).sum())
            self.not_finite[i] += int(np.count_nonzero(~np.isfinite(value) & np.isfinite(signal)))

    def decibels(self) -> list[float]:
        return list(map(_decibels, self._signal, self._noise))


def _decibels(signal: float, noise: float) -> float:
    if not math.isfinite(noise):
        return -MAX_DB
    if noise == 0:
        return MAX_DB
    if signal == 0:
        return 0.0  # a dead layer: all that comes out is noise, but how much that is, nobody knows
    return max(-MAX_DB, min(MAX_DB, 10 * math.log10(signal / noise)))


def _matched(reference: _Tapped, candidate: _Tapped) -> list[tuple[_Layer, _Layer]]:
    names = [layer.node for layer in reference.layers]
    others = {layer.node: layer for layer in candidate.layers}
    if len(names) != len(candidate.layers):
        raise ModelError(
            f"the reference has {len(names)} convolutions, the candidate {len(candidate.layers)}: "
            "they are not of one network"
        )
    if all(names) and len(set(names)) == len(names) and set(names) == set(others):
        return [(layer, others[layer.node]) for layer in reference.layers]
    return list(zip(reference.layers, candidate.layers, strict=True))


def _add_outputs(graph: onnx.ModelProto, names: Sequence[str]) -> None:
    known = {value.name for value in graph.graph.output}
    for name in dict.fromkeys(names):
        if name not in known:
            graph.graph.output.append(onnx.ValueInfoProto(name=name))


def _opened(graph: onnx.ModelProto, path: Path) -> Any:
    import onnxruntime

    onnx.save(graph, path)
    options = session_options(onnxruntime, None)
    options.log_severity_level = 4
    # As the graph is written: fused kernels would hide what is listened to. No 8-bit kernel runs
    # then: convolutions compute in float32, between quantisers.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        raise ModelError(f"the layers cannot be listened to: {first_line(error)}") from None


def _run(session: Any, names: Sequence[str], feed: Arrays) -> list[NDArray[Any]]:
    wanted = {value.name for value in session.get_inputs()}
    try:
        values = session.run(list(names), {k: v for k, v in feed.items() if k in wanted})
    except Exception as error:  # as above
        raise ModelError(f"the layers cannot be run one by one: {first_line(error)}") from None
    return list(values)


def _cropped(
    inputs: NDArray[np.float32], graphs: Sequence[_Tapped], multiple: int
) -> NDArray[np.float32]:
    if not all(graph.takes_any_size for graph in graphs):
        return inputs
    side = max(1, MAX_SIDE // multiple) * multiple
    return np.ascontiguousarray(inputs[:, :, :side, :side])


def _to(values: NDArray[np.float32], kind: Any) -> NDArray[Any]:
    """In the candidate's precision. What half cannot hold is cut off: that it overflows is the
    fault of the layer that made it, not of those that it is fed to."""
    if np.issubdtype(kind, np.floating):
        limits = np.finfo(kind)
        values = np.clip(values, limits.min, limits.max)
    return values.astype(kind)
