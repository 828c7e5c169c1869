"""Writes what the package says of its owner and version into the files that repeat it.

    python .ci/owner.py                  # write
    python .ci/owner.py --check          # refuse a file that says something else; a test does this
    python .ci/owner.py --release v0.1.0 # refuse as well what is still empty, and another version: a release begins so

The owner fills in `authors` (name and e-mail, the contact) and `[project.urls]` in pyproject.toml; the version is in
src/anime2real/__init__.py. In the other files, a block from `filled: NAME` to `filled.` is written here.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
NEEDED_URLS: Final = ("Repository", "Issues")
BUNDLES: Final = ("bundles/paper/pyproject.toml", "bundles/tilt/pyproject.toml", "bundles/more/pyproject.toml")

_BLOCK: Final = re.compile(
    r"^(?P<begin>[^\n]*filled: (?P<name>\w+)[^\n]*\n)(?P<text>.*?)(?P<end>^[^\n]*filled\.)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Owner:
    """What the package says.

    Attributes:
        authors: of pyproject.toml: mappings with `name` and `email`.
        urls: of pyproject.toml: name to address.
        version: of the package.
    """

    authors: list[dict[str, str]]
    urls: dict[str, str]
    version: str


def read(root: Path) -> Owner:
    """What pyproject.toml and the package say."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    init = (root / "src" / "anime2real" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([^"]+)"$', init, re.MULTILINE)
    return Owner(project["authors"], project["urls"], version)


def _toml_authors(owner: Owner) -> str:
    people = [f"{{ {', '.join(f'{key} = {json.dumps(person[key])}' for key in person)} }}" for person in owner.authors]
    return f"authors = [{', '.join(people)}]\n"


def _toml_urls(owner: Owner) -> str:
    return "".join(f"{json.dumps(name)} = {json.dumps(url)}\n" for name, url in owner.urls.items())


def _toml_version(owner: Owner) -> str:
    return f'version = "{owner.version}"\n'


def _cff(owner: Owner) -> str:
    names = [person["name"] for person in owner.authors if "name" in person] or ["the authors of anime2real"]
    lines = [f"version: {owner.version}", "authors:", *(f"  - name: {json.dumps(name)}" for name in names)]
    if "Repository" in owner.urls:
        lines.append(f"repository-code: {json.dumps(owner.urls['Repository'])}")
    return "".join(f"{line}\n" for line in lines)


def _markdown_contact(owner: Owner) -> str:
    contacts = [f"<{person['email']}>" for person in owner.authors if "email" in person]
    return f"Write to {', '.join(contacts)}.\n" if contacts else "No address is set yet: nothing is published.\n"


_FILLED: Final[dict[str, Callable[[Owner], str]]] = {
    "authors": _toml_authors,
    "urls": _toml_urls,
    "version": _toml_version,
    "citation": _cff,
    "contact": _markdown_contact,
}
FILES: Final = (*BUNDLES, "integrations/comfyui/pyproject.toml", "CITATION.cff", "SECURITY.md")


def filled(text: str, owner: Owner) -> str:
    """A file's text with its blocks written anew.

    Raises:
        ValueError: it has no block.
    """
    new, count = _BLOCK.subn(lambda block: block["begin"] + _FILLED[block["name"]](owner) + block["end"], text)
    if not count:
        raise ValueError("no block to fill")
    return new


def missing(owner: Owner, tag: str, changelog: str) -> list[str]:
    """What a release lacks, a line each."""
    lacks = [f"[project.urls] {name} is empty in pyproject.toml" for name in NEEDED_URLS if not owner.urls.get(name)]
    if not any(person.get("name") and person.get("email") for person in owner.authors):
        lacks.append("authors in pyproject.toml names nobody with an e-mail")
    if tag != f"v{owner.version}":
        lacks.append(f"the tag is {tag}, the package's version {owner.version}")
    heading = re.search(rf"^## {re.escape(owner.version)}\b(.*)$", changelog, re.MULTILINE)
    if heading is None or "unreleased" in heading[1]:
        lacks.append(f"CHANGELOG.md has no date for {owner.version}")
    return lacks


def main() -> int:
    """Write, check, or check for a release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, refuse a file that says something else")
    parser.add_argument("--release", metavar="TAG", help="as --check, and refuse what is empty, or another version")
    options = parser.parse_args()
    owner = read(ROOT)
    wrong = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        new = filled(text, owner)
        if new != text and (options.check or options.release):
            wrong.append(f"{name} says something else than pyproject.toml: python .ci/owner.py")
        elif new != text:
            path.write_text(new, encoding="utf-8")
            print(f"{name} written")
    if options.release:
        wrong += missing(owner, options.release, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
