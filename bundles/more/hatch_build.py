"""Builds with the bundles from where they still lie, ../../src/anime2real/bundles. Goes when they are moved here."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLES = (
    "ugatit-*",
    "galatea-styles-*",
)


class BundlesOfTheCore(BuildHookInterface):  # type: ignore[type-arg]
    """In a clone only: a source distribution has them beside its module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the folders under the name of this distribution's module."""
        del version
        module = "anime2real_bundles_more"
        into = f"src/{module}" if self.target_name == "sdist" else module
        elsewhere = Path(self.root, "../../src/anime2real/bundles").resolve()
        for pattern in BUNDLES:
            for folder in sorted(elsewhere.glob(pattern)):
                build_data["force_include"][str(folder)] = f"{into}/{folder.name}"
