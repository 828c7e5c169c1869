"""Commands of the docs, each taken by the parser of the program that it calls; nothing of them is run."""

import argparse
import contextlib
import functools
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from documented import ROOT, Command
from packaging.requirements import Requirement
from torch.distributed.run import get_args_parser

from anime2real.cli.app import app


class Parsed(Exception):
    """A script's parser has taken its arguments; the rest of the script is not run."""


def refused(command: Command, why: object) -> NoReturn:
    pytest.fail(f"{command}\n{why}")


def parse_ours(command: Command) -> None:
    """By the program's own parser; in a sentence a command's name alone will do."""
    words = list(command.words[1:])
    if command.prose:
        words = ["cyclegan" if word == "METHOD" else "translate" if word == "COMMAND" else word for word in words]
        if len(words) == 1:
            assert words[0] in list(app), command
            return
    try:
        if words[0] == "train":
            training = importlib.import_module("anime2real.cli.train").app
            training.parse_args(words[1:], exit_on_error=False, print_error=False)
        else:
            app.parse_args(words, exit_on_error=False, print_error=False)
    except Exception as error:
        refused(command, error)


@functools.cache
def loaded(script: str) -> Any:
    """A script, imported."""
    name = f"documented_{Path(script).stem}_{Path(script).parent.name}"
    spec = importlib.util.spec_from_file_location(name, ROOT / script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses ask for it
    spec.loader.exec_module(module)
    return module


def parse_python(command: Command) -> None:
    """A module that is there, or a script by its own parser."""
    what, *rest = command.words[1:]
    if what == "-m":
        assert importlib.util.find_spec(rest[0]) is not None, command
        return
    if not (ROOT / what).is_file():
        refused(command, f"{what} is not there")
    if not what.startswith(("scripts/", "research/", "benchmarks/")):
        assert not rest, command
        return
    original = argparse.ArgumentParser.parse_args

    def parse(parser: argparse.ArgumentParser, *given: Any, **named: Any) -> NoReturn:
        original(parser, *given, **named)
        raise Parsed

    module = loaded(what)
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", parse)
        patch.setattr(argparse.ArgumentParser, "error", lambda parser, message: refused(command, message))
        patch.setattr(sys, "argv", [what, *rest])
        module.main()
        refused(command, "main() ends without parsing its arguments")


def parse_shell_script(command: Command) -> None:
    """Run with stand-ins for `anime2real` and `python`, whose commands are then parsed."""
    script = ROOT / command.words[0]
    if not script.is_file():
        refused(command, "it is not there")
    if command.prose and len(command.words) == 1:
        return
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for program in ("anime2real", "python"):
            stand_in = folder / program
            stand_in.write_text(
                f'#!/bin/sh\nfor word in {program} "$@"; do printf "%s\\0" "$word"; done >> "$SAID"\n'
                'printf "\\n" >> "$SAID"\n'
            )
            stand_in.chmod(0o755)
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        patch.setenv("SAID", str(folder / "said"))
        done = subprocess.run(
            ["sh", str(script), *command.words[1:]], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            refused(command, done.stderr)
        said = (folder / "said").read_text().splitlines()
    assert said, command
    for line in said:
        parse(Command(str(command), tuple(line.rstrip("\0").split("\0"))))


@functools.cache
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))


def parse_pip(command: Command) -> None:
    """Extras that the project has, folders of distributions, and requirements of a right form."""
    if command.words[1] == "download":
        Requirement(command.words[-1])
        return
    assert command.words[1] == "install", command
    extras = set(project()["project"]["optional-dependencies"])
    wanted = [word for word in command.words[2:] if word not in ("-e", "--no-deps", "--quiet")]
    assert wanted, command
    for word in wanted:
        if word.startswith("./"):
            assert (ROOT / word / "pyproject.toml").is_file(), command
            continue
        ours = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
        asked = set((ours[1] or "").split(",")) - {""} if ours else set()
        if not ours:
            requirement = Requirement(word)
            asked = requirement.extras if requirement.name == "anime2real" else set()
        if asked - extras:
            refused(command, f"no extra {asked - extras}")


def parse_docker(command: Command) -> None:
    """A Dockerfile that is there, or an image of ours, whose arguments our parser takes."""
    words = command.words
    if words[1] == "build":
        assert (ROOT / words[words.index("-f") + 1]).is_file(), command
        return
    assert words[1] == "run", command
    place = next(i for i, word in enumerate(words) if word.startswith("anime2real-"))
    if words[place + 1 :]:
        parse_ours(Command(command.where, ("anime2real", *words[place + 1 :])))


def parse_hf(command: Command) -> None:
    """By the command line of huggingface_hub, whose version 2 the pages name."""
    hub = pytest.importorskip("huggingface_hub")
    if int(hub.__version__.split(".")[0]) < 2:
        return
    current = importlib.import_module("huggingface_hub.cli.hf").app
    name, words, parent = "hf", list(command.words[1:]), None
    try:
        while True:
            context = current.make_context(name, words, parent=parent)
            if not hasattr(current, "resolve_command"):
                return
            rest = [*context._protected_args, *context.args]
            name, current, words = current.resolve_command(context, rest)
            parent = context
    except Exception as error:
        refused(command, error)


def parse_pytest(command: Command) -> None:
    """Markers and files that are there."""
    words = list(command.words[1:])
    markers = [line.split(":")[0] for line in project()["tool"]["pytest"]["ini_options"]["markers"]]
    while words:
        word = words.pop(0)
        if word == "-m":
            assert words.pop(0) in markers, command
        elif word != "-s":
            assert (ROOT / word.split("::")[0]).exists(), command


CURL = argparse.ArgumentParser(exit_on_error=False, add_help=False)
CURL.add_argument("-F", action="append", default=[])
CURL.add_argument("-H", action="append", default=[])
CURL.add_argument("-o")
CURL.add_argument("url")


def parse_curl(command: Command) -> None:
    """Options that `test_curl` understands."""
    CURL.parse_args(command.words[1:])


def parse_sphinx(command: Command) -> None:
    """By its own parser."""
    build = pytest.importorskip("sphinx.cmd.build")
    options = build.get_parser().parse_args(command.words[1:])
    assert (ROOT / options.sourcedir / "conf.py").is_file(), command


def known(command: Command) -> None:
    """A program that is not ours, of which nothing can be told without it."""


def parse_torchrun(command: Command) -> None:
    """What it starts, which is this program."""
    place = command.words.index("-m")
    get_args_parser().parse_args(command.words[1:])
    assert command.words[place + 1] == "anime2real", command
    parse_ours(replace(command, words=command.words[place + 1 :]))


OTHERS: dict[str, Callable[[Command], None]] = {
    "anime2real": parse_ours,
    "python": parse_python,
    "torchrun": parse_torchrun,
    "pip": parse_pip,
    "docker": parse_docker,
    "hf": parse_hf,
    "pytest": parse_pytest,
    "curl": parse_curl,
    "sphinx-build": parse_sphinx,
    "cp": known,
    ".": known,
    "comfy": known,
}


def parse(command: Command) -> None:
    """Fail unless the command is one that its program takes."""
    program = command.words[0]
    if program.startswith(("scripts/", "research/")) and program.endswith(".sh"):
        parse_shell_script(command)
    elif program.startswith(("scripts/", "research/", "benchmarks/")) and command.prose:
        assert (ROOT / program).exists(), command
    elif program in OTHERS:
        OTHERS[program](command)
    else:
        refused(command, "no test knows this program: add it to OTHERS, or fence what is no command as ```text")
