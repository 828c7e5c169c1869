"""Runs the commands of a page as a reader would, with what they train and write made small.

The pages in `RUN` are run, each command in the order of the page, in a folder with a few drawn pictures and the
tutorial's pack and run (the tutorial itself starts without these). `small` says what is changed: sizes, budgets,
networks, nothing else. By default trainings stop at `--dry-run`, and stand-ins take the place of their bundles. What
is not run, and why, is in `NOT_RUN` and `SLOW`.
"""

import itertools
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import documented
import enlargers
import pytest
import tiny
from documented import ROOT, SHELL, Command
from parsing import refused

from anime2real.cli import main as cli
from anime2real.domain import DOMAINS, other

SIZE = 64
"""Pixels a side here: enough for faces to be found again."""

RUN = (
    "docs/tutorial.md",
    "README.md",
    "docs/index.md",
    "docs/translate.md",
    "docs/train.md",
    "docs/measure.md",
    "docs/study.md",
    "docs/serve.md",
    "docs/integrations.md",
)
"""Pages whose commands are run; the tutorial makes what the others begin with."""

NOT_RUN = {
    r"^(pip|python -m venv|\.|cp|sphinx-build) ": "changes the environment, or makes the site (test_the_site does)",
    r"^(docker|hf) ": "needs the network or a daemon",
    r"\bhf://": "needs the network",
    r"^anime2real serve": "does not end; test_what_serves_answers, with -m slow",
    r"^python (-m http.server|scripts/build_try.py|integrations/space/app.py)": "needs the network, or does not end",
    r"^python benchmarks/": "takes minutes",
    r"^anime2real average": "wants runs that started together; tests/train/test_weight_averaging.py makes such",
    r"^pytest": "is what runs this",
    r"--inception": "needs a file that the reader brings",
    r"--features VGG": "needs a package that the tests do without",
    r"--start-from": "needs networks as large as what ships; tests/train/test_start_from.py starts small ones",
}
"""Commands on pages that are run which are parsed only, and why."""

SLOW = r"^anime2real (export|evaluate|train .*--maps)"
"""Commands that are run with -m slow alone: they want what was really trained, or half a minute."""

SMALL_NETWORKS = {
    "difference": "--batch-size 4",
    "autoencoder": "--width 8 --batch-size 4",
    "cyclegan": "--width 8 --blocks 1 --discriminator-width 8 --batch-size 2",
    "pix2pix": "--width 8 --blocks 1 --discriminator-width 8 --batch-size 2",
    "pix2pixhd": "--width 8 --downsamplings 2 --blocks 1 --batch-size 2 --vgg-weight 0",
    "galatea": "--width 8 --blocks 2 --batch-size 2 --set projection_width=8 --set patch_width=8 --set start_from=",
}


def without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """The words without these options and their values."""
    kept: list[str] = []
    left_out = False
    for word in words:
        if word in options:
            left_out = True
        elif left_out:
            left_out = False
        else:
            kept.append(word)
    return kept


def small(words: Sequence[str]) -> list[str]:
    """A command of ours, of a size that takes a second."""
    kept = list(words)
    match words[0]:
        case "prepare":
            kept = [*without(kept, ["--size"]), "--size", str(SIZE), "--near", "0", "--quiet"]
        case "pairs":
            kept = [*without(kept, ["--size"]), "--size", str(SIZE), "--processes", "1", "--quiet"]
        case "enlarge":
            models = enlargers.model_folder(
                Path("models"), enlargers.repeating_convolutions(), ("drawing", "photograph")
            )
            kept = [*without(kept, ["--weights"]), "--weights", str(models), "--device", "cpu", "--quiet"]
        case "train":
            network = SMALL_NETWORKS[words[1]].split()
            budgets = ["--minutes", "--epochs", "--pairs", "--steps"]
            kept = without(kept, [*budgets, "--device", *network[::2]])
            kept += ["--steps", "2", "--device", "cpu", "--quiet", *network]
        case "evaluate":
            kept = [*without(kept, ["--images"]), "--images", "4", "--quiet"]
        case "compare":
            kept = [*without(kept, ["--count"]), "--count", "2"]
        case "pack":
            kept = [*without(kept, ["--of-each", "--min-scale"]), "--of-each", "1"]
        case "study":
            kept = without(kept, ["--simulate"])
            if not {"--report", "--csv", "--json"} & set(words):
                kept += ["--simulate", "2"]  # made-up raters in place of a page that is served
            kept += ["--comparisons", "1", "--controls", "1", "--checks", "1"]
    return kept


def expanded(words: Sequence[str]) -> list[str]:
    """With globs as a shell expands them; the program is given those in quotes too, which is as well."""
    return [found for word in words for found in (sorted(glob(word)) if has_magic(word) else []) or [word]]


@contextmanager
def redirected(words: Sequence[str]) -> Iterator[list[str]]:
    """The words without `< FILE` and `> FILE`, whose files are standard input and output meanwhile."""
    places = {place: words[place + 1] for place, word in enumerate(words) if word in ("<", ">")}
    kept = [word for place, word in enumerate(words) if place not in places and place - 1 not in places]
    with ExitStack() as until, pytest.MonkeyPatch.context() as patch:
        for place, name in places.items():
            stream, mode = ("stdin", "r") if words[place] == "<" else ("stdout", "w")
            patch.setattr(sys, stream, until.enter_context(open(name, mode, encoding="utf-8")))
        yield kept


def output_of(words: Sequence[str]) -> Path | None:
    """Where a command writes to."""
    return next((Path(value) for option, value in itertools.pairwise(words) if option == "-o"), None)


def not_run(command: Command) -> str | None:
    """Why a command on a page in `RUN` is not run."""
    line = " ".join(command.words)
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, line)), None)


def stand_in(run: Path, method: str, words: Sequence[str]) -> None:
    """Bundles where a training by these words would leave them."""
    made: dict[str, Any] = {}
    if "--style-weight" in words:
        made = {"content": tiny.styled_model(SIZE), "conditions": ("style",)}
    elif "people" in words:
        made = {"content": tiny.who_model(SIZE), "conditions": ("who",)}
    for source in DOMAINS:
        target = other(source)
        folder = run / "bundles" / f"{method}-{source}-to-{target}"
        bundle: dict[str, Any] = {"content": tiny.model(SIZE), **made}
        tiny.write_bundle(folder, method=method, source=source, target=target, px=SIZE, **bundle)


def run_page(name: str, *, train: bool = False) -> list[str]:
    """Run the page's commands and Python in the working folder, in their order; returns what was run.

    Args:
        name: of the page.
        train: whether to train, and to run what is `SLOW`.
    """
    page = documented.read(ROOT / name)
    names: dict[str, Any] = {}
    done: list[str] = []
    made: set[Path] = set()
    for block in page.blocks:
        if block.language == "python":
            exec(compile(block.text, f"{block.page}:{block.line}", "exec"), names)
        for command in documented.commands_in(block) if block.language in SHELL else ():
            if command.words[0] == "curl" or not_run(command):
                continue
            if not train and re.search(SLOW, " ".join(command.words)):
                continue
            if command.words[0] != "anime2real":
                refused(command, "run_page does not know how to run it: teach it, or say in NOT_RUN why not")
            output = output_of(command.words)
            if output is not None and output not in made:
                made.add(output)
                shutil.rmtree(output, ignore_errors=True)
            words = expanded(small(command.words[1:]))
            stops_short = words[0] == "train" and not train and "--dry-run" not in words
            with redirected(words) as kept:
                code = cli.main([*kept, "--dry-run"] if stops_short else kept)
            assert code == 0, f"{command}: exit code {code}"
            if stops_short:
                assert output is not None
                stand_in(output, words[1], words)
            done.append(" ".join(command.words[1:]))
    return done
