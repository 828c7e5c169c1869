"""Checkpoints: a folder each, complete or absent, every file with its sum.

`model.safetensors` holds the method's tensors (networks, averages, fake pools), `optimizers.safetensors` the
optimizers' moments, `state.json` the progress, and `SHA256SUMS` the sums of the three (`sha256sum -c SHA256SUMS`). The
folder is written under a temporary name, flushed and renamed, so a kill at any moment leaves the one before in place.
`Saver` writes beside the training, which then waits for a copy to the host alone: 1.5 GB of networks and moments take
seconds to write.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from anime2real.atomic_folder import atomic_folder
from anime2real.errors import first_line
from anime2real.train.method import Method
from anime2real.train.run.config import TrainError

KEPT: Final = 2
"""Intact checkpoints that stay: the newest, and one to go back to."""

MODEL: Final = "model.safetensors"
OPTIMIZERS: Final = "optimizers.safetensors"
STATE: Final = "state.json"
SUMS: Final = "SHA256SUMS"


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
    `save`, or at the end. Nobody else may write there meanwhile: what a killed writer left half-done is removed.

    Args:
        folder: of the checkpoints.
        resumed: the step of the checkpoint that this session went on from; 0 for none.
    """

    def __init__(self, folder: Path, resumed: int = 0) -> None:
        for partial in folder.glob(".step-*"):
            shutil.rmtree(partial, ignore_errors=True)
        self._folder = folder
        self._intact = [resumed] if resumed else []
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
        tensors = {key: _on_host(value) for key, value in method.state_dict().items()}
        moments = {name: _on_host(value) for name, value in moments_of(method).items()}
        self._intact = [step for step in self._intact if step != progress.step]
        self._intact = [*self._intact, progress.step][-KEPT:]
        # By what this session knows to be intact: a folder of a higher number may be damaged, or somebody else's.
        oldest = self._intact[0] if len(self._intact) == KEPT else 0
        self._pending = self._thread.submit(_write, self._folder, tensors, moments, progress, oldest)

    def wait(self) -> None:
        """Until what was to be saved is written."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


def moments_of(method: Method) -> dict[str, Tensor]:
    """The moments of a method's optimizers by their names in a checkpoint, OPTIMIZER.PLACE.NAME."""
    return {
        f"{key}.{place}.{name}": value
        for key, optimizer in method.optimizers.items()
        for place, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_moments(method: Method, moments: Mapping[str, Tensor]) -> None:
    """Load what `moments_of` gave into a method's optimizers."""
    for key, optimizer in method.optimizers.items():
        rates = [group["lr"] for group in optimizer.param_groups]
        own: dict[int, dict[str, Tensor]] = {}
        for name, value in moments.items():
            of, place, what = name.split(".")
            if of == key:
                own.setdefault(int(place), {})[what] = value
        optimizer.load_state_dict({"state": own, "param_groups": optimizer.state_dict()["param_groups"]})
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # the tensor that a captured graph reads, not a copy


def _on_host(value: Tensor) -> Tensor:
    """A copy on the host: what training changes next is not seen in it."""
    return value.detach().to("cpu", copy=True).contiguous()


def _write(
    folder: Path, tensors: dict[str, Tensor], moments: dict[str, Tensor], progress: RunProgress, oldest: int
) -> Path:
    """A checkpoint of a state on the host; those of a step before `oldest` go. Returns its path.

    Raises:
        OSError: it cannot be written.
    """
    final = folder / _name(progress.step)
    if not folder.exists():
        raise FileNotFoundError(2, "the folder is gone", str(folder))  # the writer below would make it anew
    try:
        with atomic_folder(final) as partial:
            save_file(tensors, partial / MODEL)
            save_file(moments, partial / OPTIMIZERS)
            (partial / STATE).write_text(json.dumps(asdict(progress), indent=1) + "\n", encoding="utf-8")
            sums = (f"{_sum(partial / name)}  {name}\n" for name in (MODEL, OPTIMIZERS, STATE))
            (partial / SUMS).write_text("".join(sums), encoding="utf-8")
    except SafetensorError as error:  # its word for a full disk
        raise OSError(5, str(error), str(final)) from error
    for old in complete(folder):
        if _step(old) < oldest:
            shutil.rmtree(old, ignore_errors=True)
    return final


def complete(folder: Path) -> list[Path]:
    """The checkpoints below `folder` that were written to their end, oldest first; they may be damaged since."""
    return sorted((path for path in folder.glob("step-*") if _step(path) >= 0), key=_step)


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _step(path: Path) -> int:
    """The step that a checkpoint's name tells, -1 for no name of a checkpoint."""
    match = re.fullmatch(r"step-([0-9]{9,18})", path.name)
    return int(match[1]) if match else -1


def load_newest(folder: Path, method: Method) -> tuple[RunProgress, list[str]]:
    """Load the newest intact checkpoint into `method`, whose optimizers exist.

    Returns:
        its progress (a fresh one where there is none at all) and a line for each damaged one that was passed over.

    Raises:
        TrainError: there are checkpoints, and none is intact.
    """
    found = complete(folder)
    reasons: list[str] = []
    for path in reversed(found):
        try:
            progress = _load(path, method)
        except _OtherNetworksError:
            reasons.append(f"{path.name} holds other networks than this version of anime2real trains")
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reasons.append(f"{path.name} is damaged ({first_line(error)})")
        else:
            return progress, [f"checkpoint {reason}: going on from the one before" for reason in reasons]
    if complete(folder) != found:  # a training goes on there, and has put newer ones in their place
        return load_newest(folder, method)
    if reasons:
        raise TrainError(
            f"no checkpoint in {folder} can be loaded, {'; '.join(reasons)}: nothing is deleted and nothing trained; "
            "put intact copies there, go on with the version that began the run, or train in a new folder"
        )
    return RunProgress(), []


class _OtherNetworksError(Exception):
    """An intact checkpoint has weights of other names or shapes."""


def _load(path: Path, method: Method) -> RunProgress:
    lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    for name in (MODEL, OPTIMIZERS, STATE):
        if _sum(path / name) != sums.get(name):
            raise ValueError(f"{name} does not have the sum in {SUMS}")
    progress = RunProgress(**json.loads((path / STATE).read_text(encoding="utf-8")))
    if path.name != _name(progress.step):
        raise ValueError(f"it is of step {progress.step}, not of the one that its name tells")
    networks = load_file(path / MODEL)
    try:
        method.load_state_dict(networks)
    except RuntimeError as error:  # the file has its sum, so it is what was written
        raise _OtherNetworksError from error
    load_moments(method, load_file(path / OPTIMIZERS))
    return progress


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
