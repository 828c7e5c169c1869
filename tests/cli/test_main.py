"""The command line as a whole: help, usage, exit codes, and commands that need an extra."""

import errno
import os
import re
import shutil
import struct
import subprocess
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from anime2real import __version__
from anime2real.cli import extras
from anime2real.cli.main import main
from anime2real.errors import UserError

SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["translate", "--crop", "none", "a.png"], "--output"),
        (["translate", "--crop", "none", "-o", "o"], "PICTURES"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--to", "manga"], "manga"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--metod", "cyclegan"], "--metod"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--method", "cylegan"], "did you mean 'cyclegan'"),
        (
            ["translate", "--crop", "none", "a.png", "-o", "o", "--method", "difference", "--to", "anime"],
            "there is one to real",
        ),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--method", "cyclegan", "--bundle", "b"], "not both"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--background", "octarine"], "octarine"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--threads", "0"], "--threads"),
        (["translate", "--crop", "none", "a.png", "-o", "o", "--threads", "many"], "many"),
        (["compare", "cyclegan", "-o", "r.html"], "--data PACK or --pictures"),
        (["compare", "cyclegan", "-o", "r.pdf", "--pictures", "a.png"], ".html"),
        (["compare", "cyclegan", "-o", "r.html", "--pictures", "a.png"], "--to"),
        (
            ["compare", "difference", "-o", "r.html", "--pictures", "a.png", "--to", "anime"],
            "none of the bundles",
        ),
        (["prepare", "-o", "p", "--size", "64", "--layout", "A:real"], "A=real"),
        (["prepare", "-o", "p", "--size", "64", "--anime", "."], "--real"),
        (
            ["prepare", "-o", "p", "--size", "65", "--both", "."],
            "multiple of 16 from 16 to 1024, not 65 (anime2real prepare --help)",
        ),
        (["prepare", "-o", "p", "--size", "64", "--both", ".", "--near", "65"], "--near goes from 0 to 64"),
        (["prepare", "-o", "p", "--size", "64", "--both", ".", "--processes", "0"], "--processes is 1 or more, not 0"),
        (["study", "difference", "-o", "s", "--data", ".", "--seed", "-1"], "--seed is 0 or more, not -1"),
        (["study", "difference", "-o", "s", "--data", ".", "--simulate", "-3"], "--simulate is 0 or more, not -3"),
        (["tranlsate", "a.png"], "translate"),
    ],
)
def test_bad_usage_is_one_line_and_2(
    shipped: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    for command in ("translate", "methods", "compare", "prepare", "inspect", "export"):
        assert main([command, "--help"]) == 0
        assert f"anime2real {command}" in capsys.readouterr().out


def test_a_file_whose_name_is_taken_for_an_option_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x.png").touch()
    assert main(["translate", "-x.png", "-o", "out"]) == 2
    assert " The file is ./-x.png. (anime2real translate --help)" in capsys.readouterr().err
    assert main(["translate", "-y.png", "-o", "out"]) == 2
    assert "The file is" not in capsys.readouterr().err


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for command, missing in (("translate x.png", "--output"), ("translate -o x", "PICTURES"), ("pack show", "FOLDER")):
        assert main(command.split()) == 2
        name = " ".join(command.split()[: 1 + command.startswith("pack")])
        assert capsys.readouterr().err == f"error: {name}: {missing} is missing (anime2real {name} --help)\n"
    assert main(["translate", "x.png", "-o"]) == 2
    assert "-o requires an argument" in capsys.readouterr().err


def test_help_fills_its_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However wide the terminal is, not only as the docstring is broken."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["translate", "--help"]) == 0
    rows = [line.strip(" │") for line in capsys.readouterr().out.splitlines()]
    at = next(number for number, row in enumerate(rows) if "folder for the results, which keep" in row)
    assert rows[at + 1 : at + 4] == [
        "pictures' names and the folders below those",
        "that are named; of one picture also a file,",
        "as result.png, or - for standard output.",
    ]


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["translate"], ["pack", "show"]):
        assert main(["help", *arguments]) == 0
        by_command = capsys.readouterr().out
        assert main([*arguments, "--help"]) == 0
        assert by_command == capsys.readouterr().out
    assert main(["help", "tranlsate"]) == 2
    assert "there is no command 'tranlsate'" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_shells_complete_commands_options_and_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, wanted in (("trans", "translate"), ("translate --layo", "--layout"), ("translate --layout p", "paste")):
        count = len(words.split())
        asked = f'COMP_WORDS=(anime2real {words}); COMP_CWORD={count}; _anime2real; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
        assert wanted in done.stdout.split()
    for shell, start in (("zsh", "#compdef anime2real"), ("fish", "# Fish completion for anime2real")):
        assert main(["completion", shell]) == 0
        assert capsys.readouterr().out.startswith(start)


def test_export_hands_its_arguments_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    module = types.ModuleType("anime2real.train.export.run")
    module.export_run = lambda run, output: [run / "bundles" if output is None else output]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "anime2real.train.export.run", module)
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    assert main(["export", "run"]) == 0
    assert main(["export", "run", "-o", "there"]) == 0
    assert capsys.readouterr().out.split() == [str(Path("run/bundles")), "there"]


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anime2real.bundle.registry.shipped", interrupt)
    assert main(["methods"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.parametrize("module", ["anime2real.cli.main", "cyclopts", "cyclopts.core"])
def test_interrupted_while_it_starts(module: str) -> None:
    """Amid any import, which fails again when it is asked for once more."""
    script = (
        "import sys\nclass Interrupts:\n    def find_spec(self, name, *rest):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\nsys.argv[1:] = ['methods']\n"
        "from anime2real.__main__ import program; program()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("no such thing:\ngive another"), "no such thing: give another"),
        (OSError(errno.ENOSPC, "No space left on device", "/out/a.png"), "/out/a.png: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "standard input or output: No space left on device"),
        (MemoryError(), "there is not enough memory"),
        (ZeroDivisionError("by\nzero"), "ZeroDivisionError: by zero (a fault of the program: --debug says where)"),
        (RecursionError(), "RecursionError: (a fault of the program: --debug says where)"),
    ],
)
def test_an_error_is_one_line_and_a_traceback_only_if_asked_for(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("anime2real.bundle.registry.shipped", fail)
    assert main(["methods"]) == 1
    assert capsys.readouterr().err.split() == f"error: {said}".split()
    for command in (["--debug", "methods"], ["methods", "--debug"]):
        assert main(command) == 1
        told = capsys.readouterr().err
        assert told.startswith("Traceback") != isinstance(error, UserError)  # which the line tells
        assert told.splitlines()[-1].split() == f"error: {said}".split()


def test_what_is_behind_a_users_error_is_traced_if_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:200])
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{")
    command = ["translate", str(tmp_path / "a.jpg"), "-o", str(tmp_path / "o"), "--bundle", str(bundle)]
    for debug in (False, True):
        assert main([*command, *(["--debug"] if debug else [])]) == 1
        told = capsys.readouterr().err
        assert ("json.decoder.JSONDecodeError" in told) == debug
        assert ("BundleError" in told) is False
        assert told.splitlines()[-1].startswith(f"error: {bundle / 'bundle.json'} is damaged")


@pytest.mark.parametrize(
    "arguments", ["methods", "help translate", "translate --help", "--help", "--version", "completion bash", "help"]
)
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "anime2real", *arguments.split()]
    with open(write, "w") as gone:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, env=environment, check=False, text=True)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["translate", "a.png"], "anime2real translate"),
        (["translate", "a.png", "-o", "o", "--threads", "0"], "anime2real translate"),
        (["compare", "cyclegan", "-o", "r.pdf", "--pictures", "a.png"], "anime2real compare"),
        (["train", "galatea", "--data", "p"], "anime2real train galatea"),
        (["train", "galatea", "--sets"], "anime2real train galatea"),
        (["methods", "--no"], "anime2real methods"),
        (["pack", "hold-out", "p", "missing.txt"], "anime2real pack hold-out"),
        (["tranlsate", "a.png"], "anime2real"),
        ([], None),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(
    shipped: Path, arguments: list[str], command: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == (0 if command is None else 2)
    said = capsys.readouterr()
    if command is None:
        assert "Usage: anime2real COMMAND" in said.out
    else:
        assert said.err.endswith(f"({command} --help)\n")


@pytest.mark.parametrize("command", ["translate", "inspect", "compare", "evaluate", "prepare", "study"])
def test_lists_have_no_flag_that_empties_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "--empty" not in told
    assert set(re.findall(r"--no-[a-z-]+", told)) <= {"--no-recursive", "--no-redraw"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_with_few_letters_ends_nothing(tmp_path: Path, encoding: str) -> None:
    """As where a command is redirected on Windows; λ stands in the help, and files have names of any kind."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": encoding}
    for arguments, code, words in (
        (["train", "galatea", "--help"], 0, ""),
        (["inspect", str(tmp_path / "あおい.png")], 1, r"\u3042\u304a\u3044.png is not there"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "anime2real", *arguments], env=environment, capture_output=True, check=False
        )
        assert done.returncode == code
        assert words in (done.stdout + done.stderr).decode(encoding)
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["train", "galatea", "--data", ".", "-o", "r"], "train"),
        (["average", ".", "..", "-o", "c"], "train"),
        (["export", "."], "train"),
        (["evaluate", "galatea", "--data", "."], "measure"),
    ],
)
def test_without_its_extra_a_command_says_what_to_install(
    arguments: list[str], extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(f'needs torch: pip install "anime2real[{extra}]"\n')


def test_a_damaged_tag_says_nothing_of_pillows_source(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.tiff", description="x" * 40)
    content = bytearray((tmp_path / "a.tiff").read_bytes())
    tag = content.index(struct.pack("<HH", 270, 2))
    content[tag + 4 : tag + 8] = struct.pack("<I", 10**6)  # bytes of the description, beyond the file's end
    (tmp_path / "a.tiff").write_bytes(content)
    command = [sys.executable, "-m", "anime2real", "inspect", str(tmp_path / "a.tiff")]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_a_process_that_translates_ends_with_its_exit_code_its_text_and_what_is_due_at_its_end() -> None:
    code = (
        "import atexit, sys; atexit.register(print, 'at the end')\n"
        "sys.argv[1:] = ['translate', 'no.png', '-o', 'out']\n"
        "from anime2real.cli.main import program; program()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "at the end\n")
    assert ended.stderr.startswith("error: no.png")


def test_a_training_in_several_processes_ends_while_threads_of_its_libraries_go_on(tmp_path: Path) -> None:
    """As gloo's threads do: what Python does to end a process, which would wait for these, is left out."""
    code = (
        "import atexit, sys, threading; atexit.register(print, 'at the end')\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "import anime2real.cli.main as command; command.main = lambda: 3\n"
        "sys.argv[1:] = ['train', 'cyclegan']; command.program()"
    )
    told = {**os.environ, "PYTHONPATH": str(SOURCE), "WORLD_SIZE": "2"}
    ended = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (3, "at the end\n")
