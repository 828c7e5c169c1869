"""The command `export`."""

from pathlib import Path
from typing import Annotated

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Output, There


def export(run: Annotated[Path, There], /, *, output: Output | None = None) -> int:
    """Write the bundles of a run as its newest checkpoint stands. Needs the extra `train`.

    Args:
        run: the run folder.
        output: where the bundles go; into the run itself if not given.
    """
    need_extra("train", "exporting")
    from anime2real.image.decode import printable
    from anime2real.train.export.run import export_run

    for folder in export_run(run, output):
        print(printable(folder))
    return 0
