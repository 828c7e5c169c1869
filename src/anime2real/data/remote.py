"""Packs that lie on a server or in an object store: what is small of them is fetched once, pictures as they are needed.

Addresses are those of fsspec: `https://…`, `s3://…`, `gs://…`.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

from anime2real.atomic_folder import atomic_folder
from anime2real.data.meta import read_meta
from anime2real.errors import UserError, first_line

ADDRESS: Final = "address.txt"
"""Of the folder of a fetched pack: says where its shards are."""

_URL: Final = re.compile(r"([a-z][a-z0-9+]+):/+(.+)")  # two letters at least: one is a drive of Windows

_AT_ONCE: Final = 2**24


class RemoteError(UserError):
    """A pack that cannot be fetched."""


def address_of(place: Path | str) -> str | None:
    """The address that a place is; None where it is a folder. A `Path` has one of its two slashes."""
    matched = _URL.fullmatch(Path(place).as_posix())
    slashes = ":///" if matched and matched[1] == "file" else "://"
    return f"{matched[1]}{slashes}{matched[2]}" if matched and not Path(place).exists() else None


def file_system(address: str) -> tuple[Any, str]:
    """fsspec's file system for an address, and the address in its words.

    Raises:
        RemoteError: a module is missing, or nobody knows this kind of address.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise RemoteError(f'{address} needs fsspec: pip install "anime2real[remote]"') from error
    try:
        system, root = url_to_fs(address)
    except OSError as error:  # some file systems ask their server at once
        raise RemoteError(
            f"{address} cannot be reached ({error.strerror or first_line(error)}): check the address"
        ) from error
    except (ImportError, ValueError) as error:
        line = f'{address} cannot be opened ({first_line(error)}): pip install "anime2real[remote]"'
        raise RemoteError(line) from error
    return system, root.rstrip("/")


def fetched(address: str) -> Path:
    """A folder of the user's cache with a remote pack's meta.json, index and places of its samples.

    meta.json is read anew each time; the rest is fetched where it is not what meta.json says.

    Raises:
        RemoteError: it cannot be read, is no pack in shards, or is not what its meta.json says.
    """
    system, root = file_system(address)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anime2real" / "packs"
    folder = cache / hashlib.sha256(address.encode()).hexdigest()[:16] / (root.rsplit("/", 1)[-1] or "pack")
    try:
        content = system.cat_file(f"{root}/meta.json")
    except Exception as error:  # of aiohttp, botocore … each has its own
        raise RemoteError(f"{address} is not a pack, or cannot be read (meta.json: {first_line(error)})") from error
    try:
        if (folder / "meta.json").is_file() and (folder / "meta.json").read_bytes() == content:
            return folder
        with atomic_folder(folder) as partial:
            (partial / "meta.json").write_bytes(content)
            sums = _sums(partial / "meta.json", address)
            for name, wanted in sums.items():
                if _fetch(system, f"{root}/{name}", partial / name) != wanted:
                    raise RemoteError(f"{address}/{name} is not what meta.json says: copy the whole pack there again")
            (partial / ADDRESS).write_text(address, encoding="utf-8")
    except OSError as error:
        raise RemoteError(f"{address} cannot be fetched to {folder}: {error.strerror or first_line(error)}") from error
    return folder


def _sums(path: Path, address: str) -> dict[str, str]:
    """SHA-256 of the files to fetch, by name."""
    try:
        meta = read_meta(path)
    except (ValueError, RecursionError) as error:
        raise RemoteError(f"{address} is a damaged pack (meta.json: {first_line(error)})") from error
    if "shards" not in meta:
        raise RemoteError(
            f"{address} is a pack in one piece: copy it here, or make shards with `anime2real pack shard`"
        )
    files: dict[str, str] = meta["shards"]["files"]
    return files


def _fetch(system: Any, source: str, target: Path) -> str:
    """Copy a file; returns its SHA-256."""
    total = hashlib.sha256()
    try:
        with system.open(source, "rb") as remote, target.open("wb") as file:
            while part := remote.read(_AT_ONCE):
                total.update(part)
                file.write(part)
    except OSError:
        raise
    except Exception as error:
        raise RemoteError(f"{source} cannot be read: {first_line(error)}") from error
    return total.hexdigest()
