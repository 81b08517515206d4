"""The weights of an exported model, for a training run to begin with.

In an exported graph every batch normalisation is folded into the convolution before it. To train
on, it is taken out again: the convolution keeps the direction of each filter and gets back the
length that a fresh network's has (what a step of the optimizer means depends on it), and the
normalisation gets the mean and variance that the layer's output has on training samples, with the
scale and shift that leave the function as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ioebss.errors import MissingExtraError, ModelError
from ioebss.manifest import Manifest, check_graph, read_manifest
from ioebss.trainer.model import ClickModel

PREFIX = "model."  # what the exporter puts before a parameter's name
Parameters = dict[str, tuple[Tensor, Tensor]]  # weight and bias of each convolution


@torch.no_grad()
def begin_with_exported(model: ClickModel, path: Path, samples: Iterable[Tensor]) -> dict[str, Any]:
    """Fills a model with the weights of an ONNX model of `ioebss-export`, in place.

    Args:
        model: freshly initialised, of the same network. In evaluation mode it computes what the
            graph computes, to rounding.
        path: float32, with its manifest beside it.
        samples: network inputs (N, C, H, W) that the statistics are measured on.

    Returns:
        What is known of its training: name, photos seen, updates, what it had started from.

    Raises:
        ModelError: no float32 export, or of another network.
        MissingExtraError: `onnx` is not installed.
    """
    manifest = read_manifest(path)
    check_graph(path, manifest)
    if manifest.precision != "fp32":
        raise ModelError(f"{path} is {manifest.precision}; training begins with a float32 model")
    _fill(model, _convolutions(path), path)
    _measure_statistics(model, samples)
    return _ancestry(manifest)


def _ancestry(manifest: Manifest) -> dict[str, Any]:
    keys = ("photos_seen", "updates", "start", "averaged")
    known = {k: manifest.training[k] for k in keys if k in manifest.training}
    return {"run": manifest.name, "sha256": manifest.sha256, **known}


def _convolutions(path: Path) -> Parameters:
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            f'beginning with an ONNX model needs onnx ({error}); pip install "ioebss[export]"'
        ) from None
    try:
        graph = onnx.load(path, load_external_data=False).graph
        arrays = {i.name: np.array(numpy_helper.to_array(i)) for i in graph.initializer}
    except (OSError, ValueError, DecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    found: Parameters = {}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose") and set(node.input[1:]) <= arrays.keys():
            weight, *bias = (torch.from_numpy(arrays[name]) for name in node.input[1:])
            channels = weight.shape[0] if node.op_type == "Conv" else weight.shape[1]
            name = node.input[1].removeprefix(PREFIX).removesuffix(".weight")
            found[name] = weight, bias[0] if bias else torch.zeros(channels)
    return found


def _layers(
    model: nn.Module,
) -> Iterator[tuple[str, nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d | None]]:
    """Every convolution, transposed ones too, with the normalisation registered right behind it."""
    leaves = [(n, m) for n, m in model.named_modules() if not any(m.children())]
    for (name, module), (_, following) in zip(leaves, [*leaves[1:], ("", None)], strict=True):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            yield name, module, following if isinstance(following, nn.BatchNorm2d) else None


def _fill(model: nn.Module, found: Parameters, path: Path) -> None:
    for name, convolution, normalisation in _layers(model):
        if name not in found:
            raise ModelError(f"{path} has no layer {name}: it is another network than the recipe's")
        weight, bias = found[name]
        if weight.shape[0] == 1 and convolution.out_channels == 2:
            # The exporter subtracts the two scores in the classifier; split evenly, they do again.
            weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
        if weight.shape != convolution.weight.shape:
            raise ModelError(
                f"{path}: layer {name} is {tuple(weight.shape)}, the recipe's network has "
                f"{tuple(convolution.weight.shape)}"
            )
        if normalisation is None:
            convolution.weight.copy_(weight)
            if convolution.bias is not None:
                convolution.bias.copy_(bias)
            continue
        lengths = [w.flatten(1).norm(dim=1).clamp(min=1e-8) for w in (convolution.weight, weight)]
        stretch = lengths[0] / lengths[1]
        convolution.weight.copy_(weight * stretch.view(-1, 1, 1, 1))
        if convolution.bias is not None:
            convolution.bias.zero_()
        mean, variance = _statistics(normalisation)
        mean.zero_()
        variance.fill_(1 - normalisation.eps)
        normalisation.weight.copy_(1 / stretch)
        normalisation.bias.copy_(bias)


def _measure_statistics(model: nn.Module, samples: Iterable[Tensor]) -> None:
    """Sets mean and variance of every normalisation to those of its input, the function kept."""
    sums = {m: torch.zeros(3, m.num_features) for _, _, m in _layers(model) if m is not None}

    def adder(normalisation: nn.BatchNorm2d) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def add(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].double()
            count = torch.full(x.shape[1:2], x.numel() / x.shape[1])
            found = torch.stack([count, x.sum((0, 2, 3)), (x**2).sum((0, 2, 3))])
            sums[normalisation] = sums[normalisation] + found

        return add

    hooks = [m.register_forward_pre_hook(adder(m)) for m in sums]
    model.eval()
    for batch in samples:
        model(batch)
    for hook in hooks:
        hook.remove()
    for normalisation, (count, total, squares) in sums.items():
        if not count.all():
            continue
        mean = total / count
        variance = (squares / count - mean**2).clamp(min=0)
        scale = normalisation.weight.double()  # of an input that is not yet normalised
        normalisation.bias.copy_(normalisation.bias + scale * mean)
        normalisation.weight.copy_(scale * (variance + normalisation.eps).sqrt())
        for kept, value in zip(_statistics(normalisation), (mean, variance), strict=True):
            kept.copy_(value)


def _statistics(normalisation: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = normalisation.running_mean, normalisation.running_var
    if mean is None or variance is None:
        raise ModelError("this network keeps no normalisation statistics; it cannot begin so")
    return mean, variance
