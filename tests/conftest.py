"""`pytest` alone runs the suite in as many processes as there are cores; tests that are picked run in one.

Without a GPU, Triton's kernels run in its interpreter, which asks before the first import.

One thread for torch and for numpy's and scipy's matrices, which ask then too, and for programs that tests start: what
the tests compute is small, more threads only cost time, and on a busy machine much of it. For the same reason
Hypothesis has no deadline: how long an example takes tells how busy the machine is.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

from anime2real.cli import options

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
torch.set_num_threads(1)

hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["training_fixtures"]

MOST_PROCESSES = 4
"""Each takes up to 2 GB of memory."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Options of pytest-xdist (`-n`) win; without it, or with `-p no:xdist`, there is one process."""
    option = config.option
    marked = any(word.startswith("-m") for word in config.invocation_params.args)
    picked = config.args_source is not config.ArgsSource.TESTPATHS or option.keyword or marked
    watched = option.usepdb or option.collectonly or option.capture == "no"
    worker = hasattr(config, "workerinput")
    if getattr(option, "numprocesses", 0) is None and not (picked or watched or worker):
        option.numprocesses, option.maxprocesses, option.dist = "auto", MOST_PROCESSES, "worksteal"


@pytest.fixture
def nothing_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that only read command lines, such as those of documents: their files are the reader's."""
    monkeypatch.setattr(options, "check_there", lambda given: None)
