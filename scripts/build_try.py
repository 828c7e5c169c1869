"""Build the page that runs in the browser alone: docs/try, the networks and ONNX Runtime's wasm in one folder.

python scripts/build_try.py -o site/try && python -m http.server -d site/try

The script fetches npm's onnxruntime-web, at the version and with the sum below, and nothing else. The page asks no
server but the one that it came from. docs/try.md says more.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime

from anime2real.atomic_folder import atomic_folder
from anime2real.bundle.about import ABOUT
from anime2real.bundle.format import CARD, Bundle
from anime2real.bundle.redrawer import redrawer
from anime2real.bundle.registry import find, open_bundle
from anime2real.domain import DOMAINS
from anime2real.errors import UserError
from anime2real.face import by_hand, finder, who
from anime2real.face.geometry import LONG, TEMPLATE
from anime2real.image import provenance as marks
from anime2real.image.decode import Limits

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "try"
SHARED: Final = ROOT / "src" / "anime2real" / "web" / "page"
"""The page of `serve`, with which this one shares style, scripts and some of its markup."""

REGISTRY: Final = "https://registry.npmjs.org"
RUNTIME: Final = "onnxruntime-web"
VERSION: Final = "1.30.0"
INTEGRITY: Final = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""The `dist.integrity` of that version in npm's registry."""

NEEDED: Final = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
NOTICES: Final = ("LICENSE", "ThirdPartyNotices.txt")
"""Of ONNX Runtime, from its Python package: npm's has none."""

MAX_TARBALL: Final = 128 * 2**20
MAX_MEMBER: Final = 64 * 2**20

SERVED_ONLY: Final = ("api.js", "token.js")
"""Modules of that page that speak with a server."""

MANIFEST: Final = "manifest.json"
WORKER: Final = "sw.js"
"""The service worker, into which the names of all files and the build's sum are written."""

LABELS: Final = "models/labels.onnx"
"""The network that reads sex and age off a face, where a bundle is told who to show."""


class BuildError(UserError):
    """The page cannot be built."""


def fetch(registry: str) -> bytes:
    """Fetch the runtime's tarball from a registry, without checking it.

    Raises:
        BuildError: the registry does not answer with it.
    """
    url = f"{registry.rstrip('/')}/{RUNTIME}/-/{RUNTIME}-{VERSION}.tgz"
    if not url.startswith(("https://", "http://")):
        raise BuildError(f"{registry} is no address of a registry: it begins with https://")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            content: bytes = answer.read(MAX_TARBALL + 1)
    except (OSError, ValueError) as error:
        advice = f"give the file with --tarball, got by `npm pack {RUNTIME}@{VERSION}`"
        raise BuildError(f"{RUNTIME} {VERSION} cannot be fetched ({error}): {advice}") from error
    return content


def checked(content: bytes, integrity: str = INTEGRITY) -> bytes:
    """Check the sum of the tarball, and return it.

    Args:
        content: the tarball.
        integrity: `sha512-` and the sum in base64, as npm writes it.

    Raises:
        BuildError: the sum is another one.
    """
    kind, _, wanted = integrity.partition("-")
    if kind != "sha512":
        raise BuildError(f"a sum of the kind {kind!r} is not checked here: give sha512")
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != wanted:
        raise BuildError(f"this is not {RUNTIME} {VERSION}: its SHA-512 is {found[:16]}…, not {wanted[:16]}…")
    return content


def unpacked(tarball: bytes) -> dict[str, bytes]:
    """The files of the runtime that the page needs, by name; paths and links in the tarball are ignored.

    Raises:
        BuildError: it is damaged, or one of them is missing or too large.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if folder != "package/dist" or name not in NEEDED or not member.isfile():
                    continue
                if member.size > MAX_MEMBER:
                    raise BuildError(f"{member.name} has {member.size >> 20} MB, more than {MAX_MEMBER >> 20}")
                file = archive.extractfile(member)
                assert file is not None
                found[name] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BuildError(f"the tarball is damaged ({error}): get it again") from error
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise BuildError(f"the tarball lacks {', '.join(missing)}: is it {RUNTIME}?")
    return found


def chosen(method: str | None, folders: Sequence[Path]) -> list[Bundle]:
    """A bundle to each domain: those of the folders, else the shipped ones of a method, else the best that ship.

    Raises:
        BuildError: two translate to the same domain.
        BundleError: one is missing or damaged.
    """
    given: dict[str, Bundle] = {}
    for bundle in map(open_bundle, folders):
        if bundle.target in given:
            raise BuildError(f"{bundle.folder} and {given[bundle.target].folder} both go to {bundle.target}")
        given[bundle.target] = bundle
    return list(given.values()) if given else [find(method, to) for to in DOMAINS]


def build(folder: Path, runtime: Mapping[str, bytes], bundles: Sequence[Bundle]) -> dict[str, Any]:
    """Write the page in one step; an earlier one in the same folder is replaced.

    Args:
        folder: where to write it.
        runtime: the runtime's files by name.
        bundles: at most one to a domain.

    Returns:
        What manifest.json holds.

    Raises:
        BuildError: `folder` holds something else, or cannot be written.
        BundleError: a model is damaged.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BuildError(f"{folder} is not empty and not this page: give another folder")
    files = {path.relative_to(SHARED).as_posix(): path.read_bytes() for path in sorted(SHARED.rglob("*.*"))}
    for name in SERVED_ONLY:
        del files[name]
    files |= {path.name: path.read_bytes() for path in sorted(PAGE.iterdir())}
    files["index.html"] = page_html().encode()
    files |= {f"runtime/{name}": content for name, content in runtime.items()}
    files |= {f"runtime/{name}": (Path(onnxruntime.__file__).parent / name).read_bytes() for name in NOTICES}
    files |= models_of(bundles)
    manifest = {
        "software": marks.SOFTWARE,
        "xmp": marks.PACKET,
        "runtime": {"name": RUNTIME, "version": VERSION, "licence": "MIT"},
        "limits": {"bytes": Limits().max_bytes, "pixels": Limits().max_pixels},
        "face": face_facts(),
        "labels": {"model": LABELS, "crop": who.LABEL_CROP} if LABELS in files else None,
        "translators": {bundle.target: _facts(bundle) for bundle in bundles},
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
            if name != WORKER  # which has the build's sum
        },
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    files[WORKER] = service_worker(files)
    try:
        with atomic_folder(folder) as partial:
            for name, content in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                (partial / name).write_bytes(content)
    except OSError as error:
        raise BuildError(f"{folder} cannot be written: {error.strerror or error}") from error
    return manifest


def service_worker(files: Mapping[str, bytes]) -> bytes:
    """The service worker of a build: it keeps all files, and those of another build no longer."""
    kept = sorted(set(files) - {WORKER, "index.html"})
    sums = "".join(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files))
    source = files[WORKER].decode()
    build = hashlib.sha256(sums.encode()).hexdigest()[:16]
    for name, value in (("FILES", json.dumps(kept)), ("BUILD", json.dumps(build))):
        (line,) = re.findall(rf"(?m)^const {name} = .*;$", source)
        source = source.replace(line, f"const {name} = {value};", 1)
    return source.encode()


def models_of(bundles: Sequence[Bundle]) -> dict[str, bytes]:
    """The networks of some bundles with their cards, those that find faces and heads, and what reads off who is shown.

    Raises:
        BundleError: a model is damaged.
    """
    names = "detector", "landmarks", "head"
    files = {f"models/{name}.onnx": (finder.MODELS / f"{name}.onnx").read_bytes() for name in names}
    if any(bundle.takes_who for bundle in bundles):
        files[LABELS] = who.LABELS.read_bytes()
    redrawers = [back for bundle in bundles if (back := redrawer(bundle))]
    for bundle in {each.name: each for each in (*redrawers, *bundles)}.values():
        files[f"models/{bundle.name}.onnx"] = bundle.model()
        files[f"models/{bundle.name}.md"] = (bundle.folder / CARD).read_bytes()
    return files


def page_html() -> str:
    """docs/try's index.html, with the parts of the page of `serve` that its comments `from serve: NAME` ask for.

    Addresses in them are taken below the page's own.
    """
    served = (SHARED / "index.html").read_text(encoding="utf-8")

    def part(match: re.Match[str]) -> str:
        begin, end = (f"{match[1]}<!-- {word}: {match[2]} -->\n" for word in ("shared", "end"))
        return served[served.index(begin) + len(begin) : served.index(end)].replace('="/page/', '="')

    return re.sub(r"( *)<!-- from serve: (\w+) -->\n", part, (PAGE / "index.html").read_text(encoding="utf-8"))


def face_facts() -> dict[str, Any]:
    """The constants of `anime2real.face`, which the page needs to find faces in the same way."""
    return {
        "template": TEMPLATE.tolist(), "crop": finder.CROP, "unit_side": finder.UNIT_SIDE,
        "first_look": finder.FIRST_LOOK, "stride": finder.STRIDE, "reference": finder.REFERENCE,
        "largest": finder.LARGEST, "smallest": finder.SMALLEST, "long": LONG, "seen": finder.SEEN,
        "overlap": finder.OVERLAP, "score": finder.SCORE, "sure": finder.SURE, "canvas": finder.CANVAS,
        "close": finder.CLOSE, "small": finder.SMALL, "more_if_small": finder.MORE_IF_SMALL,
        "less_if_close": finder.LESS_IF_CLOSE,
        "by_hand": {"view": by_hand.VIEW, "pixels": by_hand.PIXELS, "alike": by_hand.ALIKE},
    }  # fmt: skip


def _facts(bundle: Bundle) -> dict[str, Any]:
    back = redrawer(bundle)
    return _network_facts(bundle) | {
        "card": f"models/{bundle.name}.md", "method": bundle.method, "crop_share": bundle.crop_share,
        "licence": bundle.licence, "rights": bundle.rights, "about": ABOUT.get(bundle.method, ""),
        "redrawn_by": _network_facts(back) if back else None, "keeps_colours": bundle.keeps_colours,
    }  # fmt: skip


def _network_facts(bundle: Bundle) -> dict[str, Any]:
    """What running a network takes."""
    return {
        "model": f"models/{bundle.name}.onnx", "px": bundle.px, "conditions": list(bundle.conditions),
        "ages": list(bundle.ages) if bundle.takes_who else None,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the page; 1 if that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("site/try"), help="folder (default: %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--method", help="a method that ships; the best one if not given")
    which.add_argument("--bundle", type=Path, action="append", default=[], help="a bundle's folder; one a direction")
    parser.add_argument("--tarball", type=Path, help=f"{RUNTIME}-{VERSION}.tgz, if it is at hand")
    registry = os.environ.get("npm_config_registry") or REGISTRY  # noqa: SIM112 - npm's own spelling
    parser.add_argument("--registry", default=registry, help="npm's (default: $npm_config_registry, or the public one)")
    options = parser.parse_args(arguments)
    try:
        bundles = chosen(options.method, options.bundle)
        content = options.tarball.read_bytes() if options.tarball else fetch(options.registry)
        manifest = build(options.output, unpacked(checked(content)), bundles)
    except (UserError, OSError) as error:
        print(f"build_try: {error}", file=sys.stderr)
        return 1
    size = sum(file["bytes"] for file in manifest["files"].values())
    names = ", ".join(bundle.name for bundle in bundles)
    print(f"{options.output}: {names}, {size / 1e6:.0f} MB. See it: python -m http.server -d {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
