"""Building the distributions, and environments of their own to install them in."""

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = (".", "bundles/paper", "bundles/tilt", "bundles/more")


def build(source: Path, into: Path) -> None:
    """A source distribution and a wheel of a folder, by the build backend that its pyproject.toml names."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def wheel(built: Path, module: str) -> Path:
    """The wheel of a distribution, by its normalised name."""
    (found,) = built.glob(f"{module}-*.whl")
    return found


class Environment:
    """A fresh environment away from the checkout, which borrows the packages that are installed here."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "environment", with_pip=False)
        self.folder = folder
        scripts = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        self.python = scripts / "python"
        self.program = scripts / "anime2real"
        # Paths in a .pth file are searched, but the .pth files there are not read: no editable install comes along.
        packages = self.output(self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        Path(packages, "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")

    def environ(self) -> dict[str, str]:
        """As of a user who has set nothing."""
        return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}

    def pip(self, *words: object) -> str:
        """What a command of pip for this environment prints."""
        return self.output(sys.executable, "-m", "pip", "--python", self.python, *words)

    def install(self, wheel: Path) -> None:
        """From the file alone."""
        self.pip("install", "--quiet", "--no-deps", "--no-index", wheel)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """A command, in the environment's folder."""
        command = [str(word) for word in words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ(), capture_output=True, text=True, check=False, encoding="utf-8"
        )

    def output(self, *words: object) -> str:
        """What a command that succeeds prints."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout
