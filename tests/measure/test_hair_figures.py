"""The change of hair between drawn heads whose hair is known."""

import numpy as np
import pytest
from heads import BLUE_HAIR, GREY, PINK_HAIR, SKIN, head

from anime2real.image.cielab import ciede2000, to_lab
from anime2real.measure.hair_figures import hair_figures


def test_the_figure_sees_hair_and_not_the_background() -> None:
    picture, landmarks = head(BLUE_HAIR)
    dyed, _ = head(PINK_HAIR)
    elsewhere, _ = head(BLUE_HAIR, GREY)

    def figure(result: np.ndarray) -> float:
        return float(hair_figures(picture[None], result[None], landmarks[None])["hair_delta_e"])

    assert figure(picture) == 0
    assert figure(elsewhere) < 0.5
    expected = ciede2000(to_lab(np.array(BLUE_HAIR)), to_lab(np.array(PINK_HAIR)))
    assert expected > 30
    assert figure(dyed) == pytest.approx(float(expected), abs=0.5)


def test_pairs_that_cannot_be_told_are_left_out() -> None:
    (picture, landmarks), (bald, _), (dyed, _) = head(BLUE_HAIR), head(SKIN), head(PINK_HAIR)
    inputs = np.stack([picture, picture, bald, picture])
    results = np.stack([picture, bald, picture, dyed])
    figures = hair_figures(inputs, results, np.stack([landmarks] * 4))
    alone = hair_figures(inputs[3:], results[3:], landmarks[None])
    assert figures["hair_measured"] == 2
    assert figures["hair_delta_e"] == pytest.approx(alone["hair_delta_e"] / 2, abs=1e-3)
    low, high = figures["hair_delta_e_interval"]
    assert low <= figures["hair_delta_e"] <= high
    assert hair_figures(inputs[1:3], results[1:3], np.stack([landmarks] * 2)) == {
        "hair_delta_e": None,
        "hair_delta_e_interval": None,
        "hair_measured": 0,
    }
