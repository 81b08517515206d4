"""A server of Triton's protocol for one repository: what a Triton Inference Server would do with it
as far as clients see, by the same engine, ONNX Runtime. Its files are read as Triton reads them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from ioebss.backends.onnxruntime_graph import EXACT_8_BITS


def read_config(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, repository: Path) -> None:
        self.configs: dict[str, Any] = {}
        self.sessions: dict[str, Any] = {}
        self.shapes: list[tuple[int, ...]] = []
        for folder in (path for path in repository.iterdir() if path.is_dir()):
            config = read_config(folder)
            version = max(int(path.name) for path in folder.iterdir() if path.name.isdigit())
            file = folder / str(version) / config.default_model_filename
            self.configs[config.name] = config
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry(*EXACT_8_BITS)  # or processors differ in 8 bits
            self.sessions[config.name] = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )

    def ModelConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.name not in self.configs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown model {request.name}")
        return service_pb2.ModelConfigResponse(config=self.configs[request.name])

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        config = self.configs[request.model_name]
        (tensor,) = request.inputs
        (declared,) = config.input
        dims = [*([-1] if config.max_batch_size else []), *declared.dims]
        fits = all(d in (-1, s) for d, s in zip(dims, tensor.shape, strict=True))
        if tensor.name != declared.name or tensor.datatype != "FP32" or not fits:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unexpected {tensor}")
        if config.max_batch_size and tensor.shape[0] > config.max_batch_size:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "inference request batch-size")
        self.shapes.append(tuple(tensor.shape))
        values = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(tensor.shape)
        (logits,) = self.sessions[config.name].run([request.outputs[0].name], {tensor.name: values})
        answer = service_pb2.ModelInferResponse(model_name=config.name, model_version="1")
        answer.outputs.add(name=request.outputs[0].name, datatype="FP32", shape=list(logits.shape))
        answer.raw_output_contents.append(logits.tobytes())
        return answer


@contextmanager
def serving(repository: Path) -> Iterator[tuple[str, Servicer]]:
    """Its address, while it runs."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(4), options=unlimited)
    servicer = Servicer(repository)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", servicer
    finally:
        server.stop(None).wait()
