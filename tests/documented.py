"""What the pages say: their blocks of code, the commands in them, their links. No Markdown library is needed."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("integrations/*/README.md"))]

RESEARCH = sorted((ROOT / "research").glob("*.md"))
"""Records: their links are followed, their commands are those of the commits that they name."""

SHELL = ("sh", "bash", "")
"""Languages of blocks that hold commands; indented blocks have none. Whatever else is indented is to be fenced."""

_FENCE = re.compile(r"^ *(```+|~~~+) *(\S*)")
_ITEM = re.compile(r"^ *([-*+]|\d+\.) ")
_SUBSTITUTION = re.compile(r"\$\([^()]*\)")
_COMMENT = re.compile(r"""("[^"]*"|'[^']*'|[^\s"'#][^\s"']*|\s+(?!#))|\s*#.*$""")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: below the repository, as docs/study.md.
        line: of its first line, from 1.
        language: as its fence says; empty for an indented block.
        text: without fence and indentation.
    """

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command as the shell would see it, without assignments before it; globs and braces as they are.

    Attributes:
        where: page and line.
        words: the program first.
        prose: whether it stands inside a sentence, where it may be no more than a name.
    """

    where: str
    words: tuple[str, ...]
    prose: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words)}"


@dataclass(frozen=True)
class Page:
    """A page taken apart.

    Attributes:
        name: below the repository.
        blocks: of code.
        prose: the paragraphs around them, each on one line, and the line that it begins on.
    """

    name: str
    blocks: tuple[Block, ...]
    prose: tuple[tuple[int, str], ...]

    def commands(self) -> Iterator[Command]:
        """Every command in its blocks."""
        for block in self.blocks:
            if block.language in SHELL:
                yield from commands_in(block)

    def mentioned(self) -> Iterator[str]:
        """What stands in its sentences as `code`."""
        for _, paragraph in self.prose:
            yield from re.findall(r"(?<!`)`([^`]+)`(?!`)", paragraph)

    def links(self) -> list[str]:
        """The targets of its links and pictures."""
        return [target for _, paragraph in self.prose for target in _LINK.findall(paragraph)]

    def anchors(self) -> set[str]:
        """What links to it may have after a #: its headings as GitHub writes them."""
        headings = (text.lstrip("#").strip() for _, text in self.prose if re.match("#{1,6} ", text))
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def read(path: Path, name: str | None = None) -> Page:
    """Take a page apart.

    Raises:
        ValueError: a fence has no end, or something is indented in a list, which may be a command or not.
    """
    return taken_apart(path.read_text(encoding="utf-8"), name or path.relative_to(ROOT).as_posix())


def taken_apart(text: str, name: str) -> Page:
    """As `read`, of a text."""
    reader = _Reader(text.splitlines(), name)
    place = 0
    while place < len(reader.lines):
        place = reader.take(place)
    reader.close(place)
    return Page(name, tuple(reader.blocks), tuple(reader.prose))


class _Reader:
    """Takes a page apart from its first line to its last."""

    def __init__(self, lines: list[str], name: str) -> None:
        self.lines, self.name = lines, name
        self.blocks: list[Block] = []
        self.prose: list[tuple[int, str]] = []
        self._paragraph: list[str] = []
        self._in_list = False

    def take(self, place: int) -> int:
        """Read what begins on a line, counted from 0; the line behind it."""
        line = self.lines[place]
        if fence := _FENCE.match(line):
            self.close(place)
            return self._fenced(place, fence[1], fence[2])
        if line.startswith("    ") and not self._paragraph:
            return self._indented(place)
        if line.strip():
            self._in_sentence(line, place)
        else:
            self.close(place)
        return place + 1

    def close(self, place: int) -> None:
        """End the paragraph before a line."""
        if self._paragraph:
            self.prose.append((place - len(self._paragraph) + 1, " ".join(self._paragraph)))
            self._paragraph = []

    def _fenced(self, place: int, mark: str, language: str) -> int:
        end = next((i for i in range(place + 1, len(self.lines)) if self.lines[i].strip() == mark), None)
        if end is None:
            raise ValueError(f"{self.name}:{place + 1}: a fence without an end")
        rows = self.lines[place + 1 : end]
        if language in SHELL:
            rows = [row.strip() if row[:1] == " " else row for row in rows]
        self.blocks.append(Block(self.name, place + 2, language, "\n".join(rows)))
        return end + 1

    def _indented(self, place: int) -> int:
        if self._in_list:
            raise ValueError(f"{self.name}:{place + 1}: indented in a list: fence it, or indent it less")
        end = place + 1
        while end < len(self.lines) and (self.lines[end].startswith("    ") or not self.lines[end].strip()):
            end += 1
        text = "\n".join(row[4:] for row in self.lines[place:end]).strip()
        self.blocks.append(Block(self.name, place + 1, "", text))
        return end

    def _in_sentence(self, line: str, place: int) -> None:
        if _ITEM.match(line):
            self.close(place)
            self._in_list = True
        elif line.startswith(("#", "|")):
            self.close(place)
            self._in_list = False
        elif not line.startswith(" ") and not self._paragraph:
            self._in_list = False
        self._paragraph.append(line.strip())


def commands_in(block: Block) -> Iterator[Command]:
    """The commands of a block: a line each, more with && between them, fewer with a \\ at its end."""
    waiting, first = "", block.line
    for number, line in enumerate(block.text.splitlines(), block.line):
        if not waiting:
            first = number
        waiting += _COMMENT.sub(lambda found: found[1] or "", line)
        if waiting.endswith("\\"):
            waiting = waiting[:-1] + " "
            continue
        for words in split(waiting):
            yield Command(f"{block.page}:{first}", words)
        waiting = ""


def split(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of a line; what a $(…) would give is called VALUE."""
    lexer = shlex.shlex(_SUBSTITUTION.sub("VALUE", line), posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("&|;"):
            while words and _ASSIGNMENT.match(words[0]):
                words.pop(0)
            if words:
                yield tuple(words)
            words = []
        else:
            words.append(word)


def commands_of(page: Page, programs: frozenset[str]) -> list[Command]:
    """The commands of a page: all in its blocks, and those in its sentences that begin with one of the programs."""
    found = list(page.commands())
    for code in page.mentioned():
        first = code.split(" ", 1)[0]
        if " @ " in code:  # a requirement
            continue
        if " " in code and (first in programs or first.startswith(("scripts/", "research/", "benchmarks/"))):
            found += [Command(page.name, words, prose=True) for words in split(code)]
    return found
