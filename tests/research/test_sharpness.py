"""How sharp pictures are: known patterns, what training shows, and the script on a pack."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import sharpness as script
from toys import Toy


def test_the_detail_of_known_patterns() -> None:
    flat = np.full((1, 32, 32, 3), 90, np.uint8)
    board = np.where(np.indices((32, 32)).sum(0)[None, :, :, None] % 2, 100, 90).astype(np.uint8).repeat(3, 3)
    ramp = np.arange(32, dtype=np.uint8)[None, None, :, None].repeat(32, 1).repeat(3, 3)
    assert script.fine_detail(np.concatenate([flat, board, ramp])).tolist() == [0.0, 40.0, 0.0]


def test_crops_lose_some_detail_and_not_most() -> None:
    pictures = np.random.default_rng(0).integers(60, 200, (16, 32, 32, 3), np.uint8)
    kept = script.fine_detail(script.as_shown(pictures)).mean() / script.fine_detail(pictures).mean()
    assert 0.7 < kept < 0.98  # bilinear ones keep 0.57


def test_the_script_measures_a_pack(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["sharpness.py", *words])
        runpy.run_path(script.__file__, run_name="__main__")

    run(str(toy.pack), "difference")
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(facts)[:2] == ["photographs", "photographs, as shown"]
    assert list(facts)[2].startswith("difference-anime-to-real ")
    assert len(facts) == 3
    assert all(fact["of"] > 0 for fact in facts.values())
    with pytest.raises(SystemExit, match=r"error: .* no anime test pictures of that scale"):
        run(str(toy.pack), "--min-scale", "50")
    with pytest.raises(SystemExit, match="error: "):
        run(str(Path(toy.pack).parent / "none"))
