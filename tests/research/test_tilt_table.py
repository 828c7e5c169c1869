"""The tables of research/tilt.md: each figure goes where it belongs."""

from pathlib import Path
from typing import Any

import pytest
import tilt_table


def bin_(low: float, high: float, images: int, rate: float | None) -> dict[str, Any]:
    interval = None if rate is None else [rate - 0.02, rate + 0.04]
    figures = {"face_rate": rate, "tilt_mae_degrees": rate, "arrangement_nme": rate}
    return {"from": low, "to": high, "images": images} | figures | {f"{name}_interval": interval for name in figures}


def report(target: str, images: tuple[int, ...], rates: tuple[float | None, ...], kid: float) -> dict[str, Any]:
    edges = (0.0, 10.0, 20.0, 30.0, 180.0)
    bins = [bin_(edges[i], edges[i + 1], images[i], rates[i]) for i in range(4)]
    return {"results": [{"to": target, "kid": {"VGG": {"mean": kid, "std": 0.001}}, "tilt_bins": bins}]}


def test_each_bin_is_read_from_the_turn_that_fills_it_most() -> None:
    turns = {
        0: report("real", (9, 5, 1, 0), (0.9, 0.8, 0.1, None), 0.02),
        15: report("real", (99, 99, 99, 99), (0.0, 0.0, 0.0, 0.0), 9.0),  # drawings are not turned by 15°
        30: report("real", (1, 2, 7, 8), (0.2, 0.3, 0.7, 0.6), 9.0),
    }
    lines = tilt_table.table({"film": turns}, "real")
    assert "| way | 0–10° (9) | 10–20° (5) | 20–30° (7) | over 30° (8) |" in lines
    assert "| `film` | 90.0 ± 3.0 | 80.0 ± 3.0 | 70.0 ± 3.0 | 60.0 ± 3.0 |" in lines
    assert "| `film` | 20.0 ± 1.0 |" in lines


def test_a_bin_without_pictures_says_so() -> None:
    turns = {turn: report("anime", (3, 0, 0, 0), (1.0, None, None, None), 0.0) for turn in (0, 15, 30)}
    assert "| `none` | 100.0 ± 3.0 | – | – | – |" in tilt_table.table({"none": turns}, "anime")


def test_a_missing_measurement_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"plane-0\.json"):
        tilt_table.read(tmp_path, ["plane"])
