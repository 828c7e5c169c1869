"""What ships gives nearly the same results alone as in a batch, as docs/translate.md says."""

from pathlib import Path

import numpy as np

from anime2real import Translator

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_results_alone_and_in_a_batch_are_two_levels_apart_at_most() -> None:
    translate, drawings = Translator.load("galatea", to="real"), [EXAMPLES / f"{name}.png" for name in ("aoi", "hana")]
    alone, together = np.asarray(translate(drawings[0])), np.asarray(translate.batch(drawings)[0])
    apart = np.abs(alone.astype(int) - together)
    assert apart.max() <= 2
    assert (apart > 1).mean() < 1e-4
