"""From the network to one ONNX graph: raw channels in, foreground logits out."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path

import onnx
import onnxslim
import torch
from torch import Tensor, nn

from ioebss.errors import UsageError
from ioebss.manifest import INPUT, MAX_SIDE, OUTPUT
from ioebss.trainer.model import ClickModel, foreground_logits
from ioebss.trainer.networks.deeplabv3plus import DeepLabV3Plus

OPSET = 18


class DeployedModel(nn.Module):
    """The model as it is deployed: normalisation before, the channel subtraction behind.

    float32 (N, C, H, W) -> float32 (N, 1, H, W), foreground where positive.

    Args:
        model: is not changed.
        folded: subtract in the weights of the last convolution, where the network is a DeepLabv3+:
            the same function, but only one channel has to be enlarged to the input's size.
    """

    def __init__(self, model: ClickModel, folded: bool = False) -> None:
        super().__init__()
        self.model = copy.deepcopy(model) if folded else model
        self.folded = False
        network = self.model.network
        if folded and isinstance(network, DeepLabV3Plus):
            network.classifier = _difference_of_channels(network.classifier)
            self.folded = True

    def forward(self, input: Tensor) -> Tensor:
        """See the class."""
        scores: Tensor = self.model(input)
        return scores if self.folded else foreground_logits(scores)


def _difference_of_channels(classifier: nn.Conv2d) -> nn.Conv2d:
    """A 1x1 convolution that answers the second minus the first channel of another."""
    folded = nn.Conv2d(classifier.in_channels, 1, 1)
    folded.load_state_dict({k: v[1:] - v[:1] for k, v in classifier.state_dict().items()})
    return folded


def size_multiple(model: ClickModel) -> int:
    """Height and width of the input are to be multiples of this: every stride divides evenly."""
    return 32 if model.spec.architecture == "fcn8s" else max(16, model.spec.output_stride)


def check_side(model: ClickModel, side: int) -> None:
    """Checks that the model takes an input of this side.

    Raises:
        UsageError: it is no multiple of `size_multiple(model)`, or too large.
    """
    step = size_multiple(model)
    if side % step or not 0 < side <= MAX_SIDE:
        raise UsageError(f"size {side}: it must be a multiple of {step} up to {MAX_SIDE}")


def export_graph(model: ClickModel, path: Path, size: int | None) -> None:
    """Writes the ONNX graph of a model, simplified and checked.

    Args:
        model: in evaluation mode.
        path: of the file.
        size: side of the square input; None leaves N, H and W open.
    """
    step = size_multiple(model)
    # Traced at sizes that differ from each other and from 1, so that none is taken for a constant.
    height, width = (size, size) if size else (8 * step, 6 * step)
    example = torch.zeros(1 if size else 2, model.spec.in_channels, height, width)
    dimension = torch.export.Dim.DYNAMIC
    dynamic = None if size else ({0: dimension, 2: dimension, 3: dimension},)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # about the exporter's own inside
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            DeployedModel(model, folded=True).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=dynamic,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    graph = onnxslim.slim(program.model_proto)
    _name_axes(graph, bool(size))
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def _name_axes(graph: onnx.ModelProto, fixed: bool) -> None:
    """Names the open axes batch, height and width, and drops what says where the graph was made."""
    if not fixed:
        for value in (*graph.graph.input, *graph.graph.output):
            shape = value.type.tensor_type.shape
            for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
                shape.dim[axis].dim_param = name
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.graph.value_info[:]
