"""A head is pasted along its outline: nothing else changes, and light, colours and grain are those around it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Similarity, align, around, scaling
from anime2real.face.heads import head_masks
from anime2real.face.paste_back import grain, paste_head
from anime2real.face.paste_square import paste
from anime2real.translator import find_faces

ROOT = Path(__file__).parents[2]
PICTURES = (ROOT / "examples" / "kuro.png", ROOT / "docs" / "pictures" / "astronaut.jpg")


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def cut(picture: Image.Image) -> tuple[NDArray[np.uint8], Similarity]:
    frame = find_faces(picture)[0].crop
    return np.asarray(align(picture, frame, 256)), frame


def heads_of(picture: Image.Image, crop: NDArray[np.uint8], frame: Similarity) -> NDArray[np.float64]:
    """The head in px of the picture, in [0, 1]."""
    mask = Image.fromarray(np.rint(head_masks(crop[None])[0] * 255).astype(np.uint8))
    matrix = tuple(frame.then(scaling(256)).matrix().flatten())
    placed = mask.transform(picture.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)
    return np.asarray(placed, np.float64) / 255


@pytest.mark.parametrize("path", PICTURES, ids=["drawing", "photograph"])
def test_only_the_head_changes(path: Path) -> None:
    picture = opened(path)
    crop, frame = cut(picture)
    head = heads_of(picture, crop, frame)
    assert 0.1 < head.mean() < 0.6
    result = paste_head(picture, crop, np.ascontiguousarray(crop[..., ::-1]), frame)
    changed = abs(np.asarray(result, float) - np.asarray(picture, float)).mean(-1)
    assert changed[head < 0.5].mean() < 1
    assert changed[head > 0.95].mean() > 5
    assert (changed[head == 0] == 0).mean() > 0.95
    assert result.tobytes() == paste_head(picture, crop, np.ascontiguousarray(crop[..., ::-1]), frame).tobytes()


@pytest.mark.parametrize("side", [90, 150, 230, 420])
def test_a_result_is_resampled_nearly_as_well_as_by_cubics(side: int) -> None:
    """Against the ideal, made at eight times the size, whatever the size of the face in the picture."""
    crop, _ = cut(opened(PICTURES[0]))
    frame = around((130.3, 129.6), side, 0.1)
    pasted = paste_head(Image.new("RGB", (260, 260), "white"), crop, crop, frame, np.ones((2, 256, 256), np.float32))

    def placed(picture: Image.Image, fine: int) -> Image.Image:
        matrix = tuple(scaling(1 / fine).then(frame).then(scaling(picture.width)).matrix().flatten())
        made = picture.transform((260 * fine,) * 2, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        return made.resize((260, 260), Image.Resampling.LANCZOS)

    ideal = placed(Image.fromarray(crop).resize((1024, 1024), Image.Resampling.LANCZOS), 8)
    middle = slice(130 - side // 4, 130 + side // 4)

    def off(made: Image.Image) -> float:
        apart = np.asarray(made, float)[middle, middle] - np.asarray(ideal, float)[middle, middle]
        return float((apart**2).mean())

    assert off(pasted) < 1.8 * off(placed(Image.fromarray(crop), 1))


def test_a_toned_picture_stays_so() -> None:
    grey = opened(PICTURES[0]).convert("L")
    tones = [grey.point([round(v * share) for v in range(256)]) for share in (1.0, 0.92, 0.78)]
    for picture in (grey.convert("RGB"), Image.merge("RGB", tones)):
        crop, frame = cut(picture)
        coloured = np.array(crop)
        coloured[..., 2] = 255 - coloured[..., 2]
        pixels = np.asarray(paste_head(picture, crop, coloured, frame), float)
        shares = np.array([np.polyfit(pixels[..., 0].ravel(), pixels[..., c].ravel(), 1)[0] for c in (1, 2)])
        before = np.asarray(picture, float)
        wanted = [np.polyfit(before[..., 0].ravel(), before[..., c].ravel(), 1)[0] for c in (1, 2)]
        np.testing.assert_allclose(shares, wanted, atol=0.02)
        strays = abs(pixels[..., 0] * wanted[1] - pixels[..., 2])
        assert np.quantile(strays, 0.999) < 6
        assert strays.max() < 12  # at edges of what is as bright as it can be


def test_a_face_in_the_dark_is_dimmed_and_one_in_grain_gets_some() -> None:
    picture = opened(PICTURES[1])
    crop, frame = cut(picture)
    head = heads_of(picture, crop, frame) > 0.95
    dark = Image.fromarray((np.asarray(picture) * 0.3).astype(np.uint8))
    in_the_dark = np.asarray(paste_head(dark, (crop * 0.3).astype(np.uint8), crop, frame), float)
    assert in_the_dark[head].mean() < 0.5 * crop.mean()
    noise = np.random.default_rng(1).normal(0, 8, (*head.shape, 1))
    noisy = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    smooth = np.asarray(Image.fromarray(crop).resize((64, 64)).resize((256, 256), Image.Resampling.BICUBIC))
    pasted = np.asarray(paste_head(noisy, np.asarray(align(noisy, frame, 256)), smooth, frame))
    clean = np.asarray(paste_head(picture, crop, smooth, frame))
    made, wanted, none = (p.sum(-1, dtype=int) for p in (pasted, np.asarray(noisy), clean))
    assert grain(made, head) == pytest.approx(grain(wanted, ~head), rel=0.4)
    assert grain(none, head) < 2


def test_where_no_head_is_found_the_square_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anime2real.face.paste_back.head_masks", lambda crops: np.zeros(crops.shape[:3]))
    wall = Image.new("RGB", (100, 100), (220, 230, 210))
    crop = np.full((64, 64, 3), (220, 230, 210), np.uint8)
    pasted = np.asarray(paste_head(wall, crop, np.full_like(crop, 30), around((50.0, 50.0), 60.0)))
    assert (abs(pasted[45:55, 45:55].astype(int) - 30) <= 10).all()  # in the wall's tone
    assert (pasted[:15] == (220, 230, 210)).all()


def test_beside_a_narrower_head_the_surroundings_go_on_and_missed_hair_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:128, :128]
    wide, narrow = (((x - 64) / w) ** 2 + ((y - 64) / 50) ** 2 < 1 for w in (44, 28))
    strand = (abs(x - 28) < 3) & (abs(y - 50) < 20)  # in the old head, not in the new one's mask
    crop = np.where(wide[..., None], (200, 150, 120), (90, 110, 130)).astype(np.uint8)
    crop[124:], crop[:4] = (200, 20, 40), (20, 160, 60)  # more than one tone
    result = np.where((narrow & (y > 40))[..., None], (240, 200, 180), (255, 255, 255))
    result = np.where((narrow & (y <= 40) | strand)[..., None], (30, 20, 20), result).astype(np.uint8)
    monkeypatch.setattr(
        "anime2real.face.paste_back.head_masks", lambda crops: np.stack([wide, narrow]).astype(np.float32)
    )
    pasted = np.asarray(paste_head(Image.fromarray(crop), crop, result, around((64.0, 64.0), 128.0)), int)
    beside = wide & ~narrow & ~strand & (abs(x - 64) > 32) & (abs(x - 28) > 6) & (abs(y - 64) < 40)
    assert beside.sum() > 500
    assert np.quantile(abs(pasted[beside] - (90, 110, 130)).max(-1), 0.95) < 12  # the wall, not the white of the result
    assert pasted[strand & (abs(x - 28) < 2) & (abs(y - 50) < 15)].mean() < 60
    assert pasted[70:90, 55:75].mean() > 140  # dimmed, as the picture is dark


def test_a_small_face_shows_the_mean_of_its_results_pixels_not_a_few_of_them() -> None:
    """Black and white lines, one pixel wide, are grey from afar."""
    lines = np.zeros((256, 256, 3), np.uint8)
    lines[:, ::2] = 255
    picture = Image.new("RGB", (64, 64), "white")
    frame = around((32.0, 32.0), 32.0, 0.3)
    heads = np.ones((2, 256, 256), np.float32)
    for result in (paste_head(picture, lines, lines, frame, heads), paste(picture, Image.fromarray(lines), frame)):
        middle = np.asarray(result, float)[26:38, 26:38]
        assert abs(middle - 127.5).max() < 4


@pytest.mark.parametrize("clear", [True, False], ids=["on nothing", "on a wall"])
@pytest.mark.parametrize("hidden", [0, 255])
def test_where_a_wider_head_was_a_transparent_picture_is_as_transparent_as_around_it(
    monkeypatch: pytest.MonkeyPatch, clear: bool, hidden: int
) -> None:
    """`hidden` are the levels of colours that nobody sees: the new head has no fringe of them."""
    y, x = np.mgrid[:128, :128]
    wide, narrow = (((x - 64) / w) ** 2 + ((y - 64) / 50) ** 2 < 1 for w in (36, 24))
    wider = ((x - 64) / 30) ** 2 + ((y - 64) / 56) ** 2 < 1  # above and below, the new head is the larger one
    new = narrow | (wider & ~wide)
    crop = np.where(wide[..., None], (200, 150, 120), (255, 255, 255)).astype(np.uint8)
    crop[124:, :64], crop[124:, 64:] = (200, 20, 40), (20, 160, 60)  # more than one tone
    result = np.where(new[..., None], (90, 60, 40), (255, 255, 255)).astype(np.uint8)
    alpha = np.where(wide | (not clear) | (y >= 124), 255, 0).astype(np.uint8)
    colours = np.where(alpha[..., None] > 0, crop, hidden).astype(np.uint8)
    picture = Image.fromarray(np.dstack([colours, alpha]))
    monkeypatch.setattr("anime2real.face.paste_back.head_masks", lambda _: np.stack([wide, new]).astype(np.float32))
    pasted = paste_head(picture, crop, result, around((64.0, 64.0), 128.0))
    assert pasted.mode == "RGBA"
    made = np.asarray(pasted, int)
    beside = wide & ~new & (abs(x - 64) > 28) & (abs(y - 64) < 20)
    assert beside.sum() > 100
    assert np.quantile(made[beside, 3], 0.9 if clear else 0.1) == pytest.approx(0 if clear else 255, abs=20)
    assert made[narrow & (abs(x - 64) < 16) & (abs(y - 64) < 36), 3].min() == 255
    assert (made[:, :4] == np.asarray(picture)[:, :4]).all()
    edge = made[new & (made[..., 3] > 20)]
    assert len(edge) > 1000
    assert (abs(edge[:, :3] - (90, 60, 40)).max(-1) < 60).mean() > 0.9
    if clear:
        on_green = np.asarray(Image.alpha_composite(Image.new("RGBA", (128, 128), "lime"), pasted).convert("RGB"), int)
        assert (on_green[beside][:, 1] > 200).mean() > 0.9
