"""Compiled code kept for the next machine of the same kind: `train … --compile-cache DIR`.

A GPU that is rented by the minute compiles the same code again each time. In DIR, a folder for each kind of machine
(torch, Triton, GPU) holds what torch compiled, a file for each sort of training, and Triton's own folder with our
kernels. DIR may be copied to another machine as it is. What is of another kind, or damaged, is left alone.

The files hold code that will run: load only what you or somebody whom you trust has written.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Final

import torch

from anime2real.atomic import atomic_file

_SUM_BYTES: Final = 32
_TRITON_FOLDER: Final = "TRITON_CACHE_DIR"


def machine_kind(device: torch.device) -> str:
    """A folder name for machines whose compiled code fits this one."""
    if device.type == "cuda":
        name, capability = torch.cuda.get_device_name(device), str(torch.cuda.get_device_capability(device))
    else:
        name, capability = device.type, torch.backends.cpu.get_cpu_capability()
    try:
        triton = metadata.version("triton")
    except metadata.PackageNotFoundError:
        triton = "none"
    facts = [torch.__version__, str(torch.version.cuda), triton, name, capability]
    facts += [platform.system(), platform.machine(), platform.python_version()]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    legible = "".join(c if c.isalnum() or c in ".+" else "-" for c in f"torch-{torch.__version__}-{name}")
    return f"{legible}-{digest[:8]}"


@contextmanager
def compile_cache(
    folder: Path, device: torch.device, label: str, say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Load what was compiled before; inside, Triton compiles into the folder. What is new is kept at the end.

    Args:
        folder: DIR.
        device: that the code is for.
        label: of the training, a file name; files of all labels are loaded, its own is written.
        say: told, in a line, what was found and what could not be done. The training goes on without.

    Yields:
        what keeps everything that is compiled by then.
    """
    cache = _Cache(folder / machine_kind(device), label, say)
    before = os.environ.get(_TRITON_FOLDER)
    try:
        cache.load()
        yield cache.keep
        cache.keep()
    finally:
        if before is not None:
            os.environ[_TRITON_FOLDER] = before
        else:
            os.environ.pop(_TRITON_FOLDER, None)


class _Cache:
    def __init__(self, folder: Path, label: str, say: Callable[[str], None]) -> None:
        self.folder, self.path, self.say = folder, folder / f"{label}.bin", say
        self.written = b""

    def load(self) -> None:
        """Give torch what lies there, and Triton the folder."""
        kind = self.folder.name
        try:
            if not self.folder.is_dir() and self.folder.parent.is_dir() and any(self.folder.parent.iterdir()):
                self.say(f"compile cache: what {self.folder.parent} holds is not for {kind}; compiling anew")
            triton = self.folder / "triton"
            triton.mkdir(parents=True, exist_ok=True)
            settle(triton)
            os.environ[_TRITON_FOLDER] = str(triton.absolute())
            loaded = sum(self._load_file(path) for path in sorted(self.folder.glob("*.bin")))
        except OSError as error:
            self.say(f"compile cache: {self.folder} cannot be used: {error}")
            return
        if loaded:
            self.say(f"compile cache: {loaded} compiled {'parts' if loaded > 1 else 'part'} loaded from {self.folder}")

    def _load_file(self, path: Path) -> int:
        """Load a file; returns how many parts it held."""
        content = path.read_bytes()
        digest, artifacts = content[:_SUM_BYTES], content[_SUM_BYTES:]
        info = torch.compiler.load_cache_artifacts(artifacts) if digest == hashlib.sha256(artifacts).digest() else None
        if info is None:
            self.say(f"compile cache: {path} is damaged and left alone")
            return 0
        return sum(len(keys) for keys in info.artifacts.values())

    def keep(self) -> None:
        """Write what torch has compiled, if there is more of it than before. Triton has written its part itself."""
        saved = torch.compiler.save_cache_artifacts()
        if saved is None:
            return
        artifacts, _ = saved
        digest = hashlib.sha256(artifacts).digest()
        if digest == self.written:
            return
        try:
            with atomic_file(self.path) as temporary:
                temporary.write_bytes(digest + artifacts)
        except OSError as error:
            self.say(f"compile cache: {self.path} cannot be written: {error}")
        self.written = digest


def settle(folder: Path) -> None:
    """Make a Triton cache that was copied here valid here: its lists of files hold whole paths."""
    for path in folder.glob("*/__grp__*"):
        try:
            group = json.loads(path.read_text())
            paths = {name: str(path.absolute().parent / name) for name in group["child_paths"]}
        except (ValueError, KeyError, TypeError):
            continue  # Triton compiles anew what it cannot read
        if paths != group["child_paths"]:
            with atomic_file(path) as temporary:
                temporary.write_text(json.dumps({"child_paths": paths}))
