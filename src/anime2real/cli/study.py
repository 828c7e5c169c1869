"""The command `study`: make a study, serve it to raters or simulate them, and analyse the answers."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Json, Many, Output, check_there
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError, UserError
from anime2real.progress import tell

if TYPE_CHECKING:  # imported when the command runs, so that `--help` answers at once
    from anime2real.study.trials import Study


def study(
    methods: list[str] | None = None,
    /,
    *,
    output: Output,
    data: Path | None = None,
    to: Annotated[list[Domain] | None, Many] = None,
    comparisons: int = 20,
    controls: int = 10,
    checks: int = 3,
    seed: int = 0,
    simulate: int = 0,
    preference: Annotated[list[str] | None, Many] = None,
    report: Path | None = None,
    csv: Path | None = None,
    as_json: Json = False,
    host: str = "127.0.0.1",
    port: int = 8020,
    token: str | None = None,
    name: list[str] | None = None,
) -> int:
    """Ask people, blind, which method is better, and whether they can tell its results from real pictures.

    The first call, with METHODS and --data, makes the study in its folder; later calls need the folder alone. Without
    --report, --csv, --json or --simulate the study's page is served until Ctrl-C. Needs the extra `study`.

    Args:
        methods: methods that ship, folders of bundles, or names on the Hub (hf://OWNER/NAME).
        output: the study's folder, with its pictures and answers.
        data: a pack, whose test pictures are shown.
        to: directions to ask about: real, anime; both if not given.
        comparisons: pairs to show for each two methods and direction.
        controls: results beside real pictures, for each method and direction.
        checks: attention checks, for each direction.
        seed: of the choice of pictures.
        simulate: answer for this many simulated raters.
        preference: their log strengths, as METHOD=0.5; 0 for methods that are not named.
        report: write the analysis to this page.
        csv: write the answers to this file.
        as_json: print the analysis.
        host: the address to listen at; with the default, only this machine can reach the page. With another one,
            people need the token in the address that is printed.
        port: 0 for any that is free.
        token: what the page must send; a random one beyond this machine. Also read from ANIME2REAL_TOKEN.
        name: a host name to answer to, besides this machine's own, such as that of a proxy in front. May be repeated.
    """
    counts = {"comparisons": comparisons, "controls": controls, "checks": checks, "seed": seed, "simulate": simulate}
    for option, count in counts.items():
        if count < 0:
            raise UsageError(f"--{option} is 0 or more, not {count}")
    need_extra("study", "a study")
    from anime2real.study.answers import Answers

    opened = _open_or_create(methods, output, data, to, comparisons, controls, checks, seed)
    answers = Answers(opened)
    if simulate:
        from anime2real.study.simulate import simulate as simulate_raters

        simulate_raters(opened, answers, simulate, _preferences(preference or [], opened), seed=seed)
    if csv is not None:
        tell(f"{csv}: {answers.export(csv)} answers")
    if report is not None or as_json:
        from anime2real.study import analysis
        from anime2real.study.report import write_report

        figures = analysis.analyse(answers.all(), opened.methods)
        if report is not None:
            tell(str(write_report(figures, report, opened)))
        if as_json:
            print(json.dumps(analysis.as_json(figures), indent=1))
    if not (simulate or csv or report or as_json):
        from anime2real.study.server import serve
        from anime2real.web.settings import Settings

        token = token or os.environ.get("ANIME2REAL_TOKEN") or None
        serve(opened, Settings(host=host, port=port, token=token, host_names=tuple(name or ())))
    return 0


def _open_or_create(
    methods: list[str] | None,
    output: Path,
    data: Path | None,
    to: list[Domain] | None,
    comparisons: int,
    controls: int,
    checks: int,
    seed: int,
) -> "Study":
    from anime2real.study.trials import STUDY_FILE, read_study

    if (output / STUDY_FILE).is_file():
        return read_study(output)
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is no folder: a study is one")
    if not methods or data is None:
        raise UsageError(f"{output} is no study yet: name methods and --data PACK to make it")
    check_there(data)
    from anime2real.study.create import check_free, create_study, translate_pack

    check_free(output)  # now, not when all is translated
    pictures = translate_pack(
        methods, data, to or list(DOMAINS), max(comparisons, controls, checks),
        lambda step: tell(f"translating: {step}"),
    )  # fmt: skip
    created = create_study(output, pictures, comparisons=comparisons, controls=controls, checks=checks, seed=seed)
    tell(f"{output}: {len(created.trials)} pairs")
    return created


def _preferences(given: list[str], study: "Study") -> dict[str, float]:
    names = {name for group in study.methods.values() for name in group}
    chosen = dict.fromkeys(names, 0.0)
    for word in given:
        name, _, value = word.partition("=")
        if name not in chosen:
            raise UsageError(f"--preference {word}: the study has {', '.join(sorted(names))}")
        try:
            chosen[name] = float(value)
        except ValueError as error:
            raise UsageError(f"--preference {word}: give a number, such as {name}=0.5") from error
    return chosen
