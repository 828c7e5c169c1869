"""What `evaluate` found, as two Markdown tables: distances, and rates."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anime2real.measure.distances import FEWEST
from anime2real.measure.figures import Figure
from anime2real.measure.rates import TRAITS

FOOTNOTE: Final = "*: trained against these features, so too low; compare by other features."

TOO_FEW: Final = f"†: of fewer than {FEWEST} pictures, too few for such distances to say anything."

HEADER: Final = (
    "method", "to", "of", "images", "face / elsewhere", "sharp", "symmetric", "mirror r", "mirror distance", "lattice",
    "sex as asked", "age error", "man / woman", "mouth open / closed", "eyes open / closed", "smile / none",
    "glasses / none", "eye ΔE, ratio", "skin ΔE", "variety",
)  # fmt: skip


def table(report: dict[str, Any]) -> str:
    """The results as a Markdown table.

    An asterisk marks distances by features that the training saw, a dagger those of too few pictures.
    """
    names = report["protocol"]["features"]
    header = ["method", "to", "px", "images", *(f"KID-{n} ×10³" for n in names), *(f"FID-{n}" for n in names)]
    header += ["face rate", "tilt error", "arrangement", "hair ΔE", "variety", "ms"]
    rows = [header, ["---"] * len(header)]
    for result in report["results"]:
        row = [result["method"], result["to"], result["px"], result["images"]]
        few = "†" * result.get("too_few_images", False)
        marks = {n: f"{'*' * result['trained_against'][n]}{few}" for n in names}
        kids = {n: result["kid"][n] for n in names}
        row += [f"{1000 * kids[n]['mean']:.1f} ± {1000 * kids[n]['std']:.1f}{marks[n]}" for n in names]
        row += [f"{result['fid'][n]:.2f}{marks[n]}" for n in names]
        row += [_plain(result["face_rate"], 100, " %"), _plain(result["tilt_mae_degrees"], 1, "°")]
        row += [_plain(result["arrangement_nme"], 100, " %"), _plain(result["hair_delta_e"], 1, "")]
        row += [_plain(result["variety_ratio"], 100, " %"), f"{result['cpu_ms_per_image']:.1f}"]
        rows.append(row)
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    if any(any(result["trained_against"].values()) for result in report["results"]):
        lines += ["", FOOTNOTE]
    if any(result.get("too_few_images") for result in report["results"]):
        lines += ["", TOO_FEW]
    return "\n".join(lines)


def _plain(value: float | None, factor: float, unit: str) -> str:
    return "–" if value is None else f"{factor * value:.1f}{unit}"


def rates_table(report: Mapping[str, Any]) -> str:
    """The rates of all results of `evaluate` as a Markdown table.

    A row a bundle, one for each of its sources if there are several, one for men, and one for the target's pictures.
    """
    rows: list[Sequence[str]] = [HEADER, ["---"] * len(HEADER)]
    for result in report["results"]:
        whole = result["rates"]
        apart = whole["sources"] if len(whole["sources"]) > 1 else {}
        men = {"all men": whole["men"]} if whole["men"]["images"] else {}
        for name, record in {"all": whole, **apart, **men}.items():
            rows.append([result["method"], result["to"], name, str(record["images"]), *_cells(record)])
        own = whole["target"]
        elsewhere, lattice = _cell(own["face_elsewhere"], 100, " %"), _cell(own["lattice"], 1, "", 2)
        known = {"face / elsewhere": f"– / {elsewhere}", "lattice": lattice}
        cells = [known.get(name, "") for name in HEADER[4:]]
        rows.append(["the pictures themselves", "", result["to"], str(own["images"]), *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(record: Mapping[str, Any]) -> list[str]:
    kept = [
        f"{_cell(sides['there'], 100, '')} / {_cell(sides['absent'], 100, ' %')}"
        for sides in (record["kept"][name] for name in TRAITS)
    ]
    return [
        f"{_cell(record['face'], 100, '')} / {_cell(record['face_elsewhere'], 100, ' %')}",
        _cell(record["sharp"], 100, " %"),
        _cell(record["symmetric"], 100, " %"),
        _cell(record["mirror_correlation"], 1, "", 2),
        _cell(record["mirror_distance"], 1, "", 1),
        _cell(record["lattice"], 1, "", 2),
        _cell(record["sex_as_asked"], 100, " %"),
        _cell(record["age_error_years"], 1, " y", 1),
        *kept,
        f"{_cell(record['eye_delta_e'], 1, '', 1)}, {_cell(record['eye_ratio'], 1, '', 2)}",
        _cell(record["skin_delta_e"], 1, "", 1),
        _cell(record["variety"], 100, " %"),
    ]


def _cell(figure: Figure | None, factor: float, unit: str, digits: int = 0) -> str:
    return "–" if figure is None else f"{factor * figure['value']:.{digits}f}{unit}"
