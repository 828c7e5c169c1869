"""The analysis of a study as one self-contained HTML page: tables, and intervals drawn as SVG."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from anime2real import __version__
from anime2real.atomic import atomic_file
from anime2real.domain import Domain
from anime2real.study.analysis import Analysis
from anime2real.study.statistics import Proportion
from anime2real.study.trials import PICTURES, Study

WIDTH, ROW, LEFT = 700, 30, 230
SHOWN_PAIRS: Final = 6
SHOWN_SIDE: Final = 128
"""Pixels a side of the pictures in a report."""

NAMES: Final = {"real": "photographs", "anime": "drawings"}


def write_report(analysis: Analysis, path: Path, study: Study | None = None) -> Path:
    """Write the page, with some of the pictures if the study is given; return its path."""
    with atomic_file(path) as temporary:
        temporary.write_text(page(analysis, study), encoding="utf-8")
    return path


def page(analysis: Analysis, study: Study | None = None) -> str:
    """The page as HTML."""
    when = " to ".join(analysis.dates)
    undecided = sum(analysis.undecided.values())
    parts = [f'<p class="warning" role="note">{html.escape(line)}</p>' for line in analysis.warnings]
    parts += [
        f"<p>{f'Answered {when}. ' if when else ''}In {undecided} answers raters could not tell; no rate counts them."
        "</p>",
        f"<p>{len(analysis.raters)} people answered; {len(analysis.excluded)} of them failed the attention checks "
        "and are left out. Bars are 95 % intervals.</p>",
    ]
    for to, ranking in analysis.rankings.items():
        order = sorted(ranking.methods, key=lambda m: -ranking.logs[ranking.methods.index(m)])
        rows = [(f"{a} over {b}", analysis.wins[to, a, b]) for i, a in enumerate(order) for b in order[i + 1 :]
                if (to, a, b) in analysis.wins]  # fmt: skip
        parts.append(f"<h2>Which looks better, as {NAMES[to]}</h2>")
        parts.append(intervals(rows, "chosen over the other", middle=0.5))
        places = [ranking.methods.index(method) for method in order]
        strengths = [
            (ranking.methods[i], f"{ranking.logs[i]:+.2f}", f"{ranking.low[i]:+.2f} to {ranking.high[i]:+.2f}")
            for i in places
        ]
        parts.append(html_table(("method", "log strength (Bradley-Terry)", "95 % interval"), strengths))
    if analysis.fooling:
        parts.append("<h2>Taken for real</h2>")
        rows = [(f"{m}, {NAMES[to]}", rate) for (to, m), rate in analysis.fooling.items()]
        rows += [(f"all {NAMES[to]}", rate) for to, rate in analysis.fooling_by_direction.items()]
        parts.append(intervals(rows, "taken for the real one (0.5: nobody can tell)", middle=0.5))
    if analysis.harshness_gap is not None:
        gap = analysis.harshness_gap
        parts.append("<h2>Are photographs rated more harshly?</h2>")
        parts.append(
            f"<p>Drawings were taken for real {100 * gap.value:+.1f} points more often than photographs (95 % interval "
            f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}). Above zero, people rate photographs more harshly.</p>"
        )
    if study is not None:
        parts += [pictures(study, to) for to in analysis.rankings]
    if analysis.median_milliseconds:
        cells = [(kind, f"{ms / 1000:.1f} s") for kind, ms in analysis.median_milliseconds.items()]
        parts.append("<h2>Time taken</h2>" + html_table(("kind of question", "median"), cells))
    return _PAGE.format(content="\n".join(parts), version=__version__)


def pictures(study: Study, to: Domain) -> str:
    """The first pairs of methods that a study shows in a direction, each picture over what made it."""
    pairs = [trial for trial in study.trials if (trial.kind, trial.to) == ("methods", to)][:SHOWN_PAIRS]
    figures = "".join(
        f'<figure><img alt="" src="{_embedded(study.folder / PICTURES / side.picture)}">'
        f"<figcaption>{html.escape(side.source)}</figcaption></figure>"
        for trial in pairs
        for side in sorted(trial.sides, key=lambda side: side.source)
    )
    return f'<h2>Some of the pairs, as {NAMES[to]}</h2><div class="pairs">{figures}</div>' if pairs else ""


def _embedded(path: Path) -> str:
    """A picture of a study, made small, as a data address."""
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    small.save(buffer, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def intervals(rows: Sequence[tuple[str, Proportion]], title: str, middle: float) -> str:
    """Proportions and their intervals on one axis from 0 to 1, as SVG."""
    height = ROW * len(rows) + 46
    scale = WIDTH - LEFT - 90

    def x(value: float) -> float:
        return LEFT + value * scale

    marks = [
        f'<line class="grid" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="6" y2="{height - 36}"/>'
        f'<text class="axis" x="{x(v):.1f}" y="{height - 20}">{v:g}</text>'
        for v in (0, 0.25, 0.5, 0.75, 1)
    ]
    marks.append(f'<line class="middle" x1="{x(middle):.1f}" x2="{x(middle):.1f}" y1="6" y2="{height - 36}"/>')
    for i, (name, rate) in enumerate(rows):
        y = ROW * i + 22
        marks.append(
            f'<text class="name" x="{LEFT - 12}" y="{y + 5}">{html.escape(name)}</text>'
            f'<line class="bar" x1="{x(rate.low):.1f}" x2="{x(rate.high):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{x(rate.value):.1f}" cy="{y}" r="5"/>'
            f'<text class="value" x="{WIDTH - 80}" y="{y + 5}">{rate.value:.2f} <tspan>n={rate.count}</tspan></text>'
        )
    label = "; ".join(f"{name}: {rate.value:.2f} ({rate.low:.2f} to {rate.high:.2f})" for name, rate in rows)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(f"{title}. {label}")}">'
        + "".join(marks)
        + f'<text class="axis" x="{x(0.5):.1f}" y="{height - 3}">{html.escape(title)}</text></svg>'
    )


def html_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; everything is escaped."""
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in headers)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>anime2real: what the study found</title>
<style>
:root {{ color-scheme: light dark; --ink: #1b1b1f; --soft: #5a5a64; --paper: #fff; --line: #d4d4dc; --accent: #2f5bd0 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ececf1; --soft: #a9a9b4; --paper: #131316; --line: #3b3b44; --accent: #8fb0ff }}
}}
body {{ margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }}
svg {{ width: 100%; height: auto; font: 14px system-ui, sans-serif; fill: var(--ink) }}
.grid {{ stroke: var(--line) }} .middle {{ stroke: var(--soft); stroke-dasharray: 4 4 }}
.bar {{ stroke: var(--accent); stroke-width: 4; stroke-linecap: round }} circle {{ fill: var(--accent) }}
.axis {{ text-anchor: middle; fill: var(--soft); font-size: 12px }} .name {{ text-anchor: end }}
.warning {{ padding: .6rem 1rem; border-left: 4px solid #d9822b;
  background: color-mix(in srgb, #d9822b 14%, var(--paper)) }}
.pairs {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .5rem }}
figure {{ margin: 0 }} figure img {{ width: 100%; border-radius: .4rem }}
figcaption {{ font-size: .875rem; color: var(--soft) }}
tspan {{ fill: var(--soft); font-size: 11px }}
table {{ border-collapse: collapse }} th, td {{ padding: .3rem .8rem .3rem 0; text-align: start;
  border-bottom: 1px solid var(--line) }}
</style>
</head>
<body>
<main>
<h1>What the study found</h1>
{content}
</main>
<footer><p>Made by anime2real {version}.</p></footer>
</body>
</html>
"""
