"""Parts of an ONNX graph that a lower precision treats in another way: its edges, nodes by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import helper, shape_inference

from ioebss.errors import ModelError, UsageError

Nodes = Iterable[onnx.NodeProto]


@dataclass(frozen=True)
class Census:
    """Convolutions of a quantised graph, as its engine runs them.

    Attributes:
        eight_bit: how many run in 8 bits.
        in_float: how many do not.
    """

    eight_bit: int
    in_float: int


def read_graph(model: Path) -> onnx.ModelProto:
    """An ONNX file.

    Raises:
        ModelError: it cannot be read.
    """
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(model)
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from None
    except (DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{model} is no ONNX model: {error}") from None


def load_typed(model: Path) -> onnx.ModelProto:
    """An ONNX file with the types of all its values inferred and a name for every node.

    Raises:
        ModelError: it cannot be read, or its types do not fit together.
    """
    try:
        graph = shape_inference.infer_shapes(read_graph(model), strict_mode=True)
    except shape_inference.InferenceError as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"{model} is no ONNX model that can be used: {first}") from None
    taken = {node.name for node in graph.graph.node}
    for number, node in enumerate(graph.graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{number}"
            if node.name in taken:
                raise ModelError(f"{model} has nodes without names; export it with ioebss-export")
    return graph


def element_types(graph: onnx.ModelProto) -> dict[str, int]:
    """The element type (`onnx.TensorProto.DataType`) of each value and constant, as inferred."""
    parts = graph.graph
    values = (*parts.value_info, *parts.input, *parts.output)
    types: dict[str, int] = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {constant.name: constant.data_type for constant in parts.initializer}


def convolutions(graph: onnx.ModelProto) -> list[onnx.NodeProto]:
    """In order.

    Raises:
        ModelError: there is none.
    """
    found = [node for node in graph.graph.node if node.op_type == "Conv"]
    if not found:
        raise ModelError("the graph has no convolution: there is nothing to convert")
    return found


def before_the_network(graph: onnx.ModelProto) -> set[str]:
    """Names of the nodes that the first convolution's input is made by: the normalisation."""
    makers = {name: node for node in graph.graph.node for name in node.output}
    start = convolutions(graph)[0].input[:1]
    return _reached(start, lambda n: [makers[n]] if n in makers else [], lambda node: node.input)


def behind_the_network(graph: onnx.ModelProto) -> set[str]:
    """Names of the last convolution and of the nodes that come after it."""
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.graph.node:
        for name in node.input:
            users[name].append(node)
    last = convolutions(graph)[-1]
    after = _reached(last.output, lambda n: users[n], lambda node: node.output)
    return after | {last.name}


def named_like(graph: onnx.ModelProto, nodes: Nodes, texts: Sequence[str], what: str) -> set[str]:
    """Names of the nodes that some texts mean, by their own name or that of one of their weights;
    see `meant`.

    Args:
        nodes: of the graph, to choose from.
        what: they are, for the message: "convolution".

    Raises:
        UsageError: a text is in no name.
    """
    weights = {constant.name for constant in graph.graph.initializer}
    names = {n.name: {n.name, *weights.intersection(n.input)} for n in nodes}
    every = set().union(*names.values())
    found: set[str] = set()
    for text in texts:
        wanted = meant(text, every)
        if not wanted:
            raise UsageError(f"no {what} has a name, or weights, named like {text!r}")
        found |= {node for node, own in names.items() if own & wanted}
    return found


def meant(text: str, names: Set[str]) -> set[str]:
    """The names that a text of `--keep-fp32` means: the very one, so that one layer can be told
    from others, or else all that contain it."""
    return {text} if text in names else {name for name in names if text in name}


def rebuilt(
    model: onnx.ModelProto, nodes: Nodes, constants: Iterable[onnx.TensorProto]
) -> onnx.ModelProto:
    """A model with the inputs and outputs of another and new nodes (in order) and constants,
    checked."""
    parts = model.graph
    graph = helper.make_graph(list(nodes), parts.name, parts.input, parts.output, list(constants))
    made = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def _reached(
    start: Iterable[str],
    step: Callable[[str], Nodes],
    side: Callable[[onnx.NodeProto], Iterable[str]],
) -> set[str]:
    """Names of the nodes that are reached from some values, towards inputs or outputs."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for node in step(waiting.pop()):
            if node.name not in found:
                found.add(node.name)
                waiting += side(node)
    return found
