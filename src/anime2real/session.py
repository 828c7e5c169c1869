"""Sessions of ONNX Runtime on the CPU, and pixels as networks take and give them.

Every network of the package is opened here: those that translate, those that find faces, heads and hair.
"""

import os
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from anime2real.bundle.limits import MAX_BYTES

Loaded = TypeVar("Loaded")
Pixels = NDArray[np.uint8]
"""(N, S, S, 3), sRGB."""

ARENA_BYTES: Final = 2 * MAX_BYTES
"""Of memory in which all bundles' networks of this process compute: twice what one may want, for what kernels need."""


def open_session(
    model: Path | bytes, threads: int | None = None, *, bounded: bool = False, optimised: bool = True
) -> onnxruntime.InferenceSession:
    """A session of ONNX Runtime on the CPU.

    Args:
        model: an ONNX file, or its bytes.
        threads: CPU threads for one call; the library's choice if not given.
        bounded: whether it computes in the memory of `ARENA_BYTES` that all bounded sessions share.
        optimised: whether the graph is optimised, which takes a while.
    """
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Threads that wait in a loop take the cores from those that decode, find faces and write.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # it lays memory out anew after a first call: a third more in all
    # Its warnings are about folding constants, nothing to act on; that a call wants more memory is told once, by us.
    options.log_severity_level = 4 if bounded else 3
    if bounded:
        _make_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")  # weights lie elsewhere
    options.intra_op_num_threads = threads or 0  # 0 is the library's choice
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache
def _make_arena() -> None:
    """Make the memory in which bounded sessions compute; a call that wants more of it fails."""
    kind, memory = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, memory)
    as_asked, first_bytes, default = 1, 2**20, -1  # it grows by what is asked for, not to the next power of two
    settings = onnxruntime.OrtArenaCfg(ARENA_BYTES, as_asked, first_bytes, default)
    onnxruntime.create_and_register_allocator(place, settings)


def loaded_once(load: Callable[..., Loaded]) -> Callable[..., Loaded]:
    """A function that loads networks, whose results are kept: threads that ask at one time wait for one of them."""
    lock, kept = Lock(), lru_cache(maxsize=4)(load)

    @wraps(load)
    def ask(*arguments: Any) -> Loaded:
        with lock:
            return kept(*arguments)

    return ask


def to_float(pixels: Pixels) -> NDArray[np.float32]:
    """(N, S, S, 3) in 0…255 to (N, 3, S, S) in [-1, 1]."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_uint8(images: NDArray[np.float32]) -> Pixels:
    """(N, 3, S, S) in [-1, 1] to (N, S, S, 3), rounded to 0…255; undoes `to_float` exactly."""
    levels = np.rint((images + np.float32(1)) * np.float32(127.5)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def available_cores() -> int:
    """CPU cores that this process may use; in a container these are often fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
