"""What the stand-in for TensorRT's library does not implement of the classes in NvInferImpl.h, as
members that end the program: python nvinfer_rest.py NvInferImpl.h > nvinfer_rest.h
"""

import re
import sys
from pathlib import Path

IMPLEMENTED = {
    "VRuntime": {"getPImpl", "deserializeCudaEngine", "getLogger"},
    "VCudaEngine": {
        *("getPImpl", "getNbIOTensors", "getIOTensorName", "getTensorDataType"),
        "createExecutionContext",
    },
    "VExecutionContext": {
        *("getPImpl", "setOptimizationProfileAsync", "setInputShape", "getTensorShape"),
        *("setTensorAddress", "enqueueV3"),
    },
}


def rest(text: str, name: str, implemented: set[str]) -> str:
    """A class that is derived from the one of this name and leaves nothing but that abstract."""
    start = text.index(f"class {name} : public VRoot")
    body = text[start : text.index("\n};", start)]
    lines = [f"class {name}Rest : public {name} {{", "  public:"]
    for found in re.findall(r"virtual ([^;]*?)= 0;", body, re.DOTALL):
        declaration = " ".join(found.split())
        overload = "IStreamReader&" in declaration  # of deserializeCudaEngine, in TensorRT 10
        if overload or re.findall(r"(\w+)\(", declaration)[0] not in implemented:
            lines.append(f"    {declaration} override {{ std::abort(); }}")
    return "\n".join([*lines, "};"])


def main() -> None:
    """Entry point."""
    text = Path(sys.argv[1]).read_text("utf-8")
    print(*(rest(text, name, own) for name, own in IMPLEMENTED.items()), sep="\n")


if __name__ == "__main__":
    main()
