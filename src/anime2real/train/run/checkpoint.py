"""Checkpoints: a folder each, complete or absent.

`model.safetensors` holds the method's tensors (networks, averages, fake pools), `optimizers.pt` the optimizers' state
(read with `weights_only=True`), `state.json` the progress and the sums of the other two. The folder is written under a
temporary name, flushed and renamed, so a kill at any moment leaves the one before in place. `Saver` writes beside the
training, which then waits for a copy to the host alone: 1.5 GB of networks and moments take seconds to write.
"""

import hashlib
import json
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from anime2real.atomic import atomic_folder
from anime2real.train.method import Method

KEPT = 2


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        step: iterations done.
        pairs: pictures of each domain seen, with repetition.
        seconds: of wall clock that training has used, all sessions together.
        sampled: sample grids drawn.
    """

    step: int = 0
    pairs: int = 0
    seconds: float = 0.0
    sampled: int = 0


class Saver:
    """Writes checkpoints below a folder, one at a time, in a thread of its own.

    Used as a context, which ends when the last one is written. What goes wrong in the writing is raised by the next
    `save`, or at the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[Path] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()

    def save(self, method: Method, progress: RunProgress) -> None:
        """Copy what the run has now, and write it while the run goes on; the one before is waited for."""
        self.wait()
        tensors = {key: value.contiguous() for key, value in _on_host(method.state_dict()).items()}
        optimizers = {key: _on_host(optimizer.state_dict()) for key, optimizer in method.optimizers.items()}
        self._pending = self._thread.submit(_write, self._folder, tensors, optimizers, progress)

    def wait(self) -> None:
        """Until what was to be saved is written."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


def _on_host(value: Any) -> Any:
    """A state, nested as it is, its tensors copied to the host: what training changes next is not seen in it."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_host(each) for key, each in value.items()}
    return [_on_host(each) for each in value] if isinstance(value, list) else value


def _write(folder: Path, tensors: dict[str, Tensor], optimizers: dict[str, Any], progress: RunProgress) -> Path:
    """A checkpoint of a state on the host; the oldest beyond `KEPT` go. Returns its path."""
    final = folder / f"step-{progress.step:09d}"
    with atomic_folder(final) as partial:
        save_file(tensors, partial / "model.safetensors")
        torch.save(optimizers, partial / "optimizers.pt")
        sums = {name: _sum(partial / name) for name in ("model.safetensors", "optimizers.pt")}
        state = json.dumps({"progress": asdict(progress), "sha256": sums}, indent=1) + "\n"
        (partial / "state.json").write_text(state, encoding="utf-8")
    for old in complete(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def complete(folder: Path) -> list[Path]:
    """The finished checkpoints below `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / "state.json").is_file())


def load_newest(folder: Path, method: Method) -> tuple[RunProgress, list[str]]:
    """Load the newest intact checkpoint into `method`, whose optimizers exist.

    Returns:
        its progress (a fresh one where there is none) and a line for each damaged checkpoint that was passed over.
    """
    for partial in folder.glob(".step-*"):
        shutil.rmtree(partial, ignore_errors=True)
    passed: list[str] = []
    for path in reversed(complete(folder)):
        try:
            return _load(path, method), passed
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            passed.append(f"checkpoint {path.name} is damaged ({str(error).splitlines()[0]}); trying the one before")
    return RunProgress(), passed


def _load(path: Path, method: Method) -> RunProgress:
    state: dict[str, Any] = json.loads((path / "state.json").read_text())
    for name, expected in state["sha256"].items():
        if _sum(path / name) != expected:
            raise ValueError(f"{name} does not have the sum that was written down")
    tensors = load_file(path / "model.safetensors")
    optimizers = torch.load(path / "optimizers.pt", weights_only=True, map_location="cpu")
    method.load_state_dict(tensors)
    for key, optimizer in method.optimizers.items():
        rates = [group["lr"] for group in optimizer.param_groups]
        capturable = [group["capturable"] for group in optimizer.param_groups]
        optimizer.load_state_dict(optimizers[key])
        for group, rate, graph in zip(optimizer.param_groups, rates, capturable, strict=True):
            group["lr"], group["capturable"] = rate, graph  # of this device, not of the one that wrote it
    return RunProgress(**state["progress"])


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
