"""`anime2real study`: make a study, ask people (or made-up ones), tell what was found."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError, UserError

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.study.trials import Plan

Many = Parameter(consume_multiple=True)


def study(
    methods: list[str] | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
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
    as_json: Annotated[bool, Parameter(name="--json")] = False,
    host: str = "127.0.0.1",
    port: int = 8020,
) -> int:
    """Ask people, blind, which method is better, and whether they can tell its results from real pictures.

    The first time METHODS and --data make the study in the folder; later the folder alone is enough. Without
    --report, --csv, --json or --simulate the study's page is served until Ctrl-C. Needs the extra `web`.

    Args:
        methods: methods that ship, folders of bundles, or names on the Hub (hf://OWNER/NAME).
        output: the study's folder, with its pictures and answers.
        data: a pack, whose test pictures are shown.
        to: directions to ask about: real, anime; both if not given.
        comparisons: pairs to show for each two methods and direction.
        controls: results beside real pictures, for each method and direction.
        checks: attention checks, for each direction.
        seed: of the choice.
        simulate: let so many made-up raters answer.
        preference: their log strengths, as METHOD=0.5; 0 for what is not named.
        report: write the findings to this page.
        csv: write the answers to this file.
        as_json: print the findings.
        host: address to serve on; only this machine reaches the usual one.
        port: to serve on.
    """
    from anime2real.study.analysis import as_json as told
    from anime2real.study.analysis import find
    from anime2real.study.answers import Answers
    from anime2real.study.report import write_report
    from anime2real.study.trials import PLAN, gathered, make, read

    if (output / PLAN).is_file():
        plan = read(output)
    elif not methods or data is None:
        raise UsageError(f"{output} is no study yet: name methods and --data PACK to make it")
    else:
        material = gathered(
            methods, data, to or list(DOMAINS), max(comparisons, controls, checks),
            lambda what: print(f"translating: {what}", file=sys.stderr),
        )  # fmt: skip
        plan = make(output, material, comparisons=comparisons, controls=controls, checks=checks, seed=seed)
        print(f"{output}: {len(plan.trials)} pairs", file=sys.stderr)
    answers = Answers(plan)
    if simulate:
        from anime2real.study.simulate import simulate as make_up

        make_up(plan, answers, simulate, _preferences(preference or [], plan), seed=seed)
    if csv is not None:
        print(f"{csv}: {answers.export(csv)} answers", file=sys.stderr)
    if report is not None or as_json:
        found = find(answers.all(), plan.methods)
        if report is not None:
            print(write_report(found, report), file=sys.stderr)
        if as_json:
            print(json.dumps(told(found), indent=1))
    if not (simulate or csv or report or as_json):
        _serve(plan, host, port)
    return 0


def _preferences(given: list[str], plan: "Plan") -> dict[str, float]:
    names = {name for group in plan.methods.values() for name in group}
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


def _serve(plan: "Plan", host: str, port: int) -> None:
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UserError('the study\'s page needs FastAPI and uvicorn: pip install "anime2real[web]"')
    import uvicorn

    from anime2real.study.server import create

    print(f"the study is at http://{host}:{port}/ (Ctrl-C ends it; nothing is lost)", file=sys.stderr)
    try:
        uvicorn.run(create(plan), host=host, port=port, log_level="warning", access_log=False)
    except SystemExit as error:  # uvicorn has said why, such as a port in use
        raise UserError(f"cannot serve on {host}:{port}: is the port in use? give another with --port") from error
