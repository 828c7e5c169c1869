"""Packs know where hair is: masks with the picture's edges, the same bytes every time, whole after a journey."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import SIZE, Toy, with_hair

from anime2real.data import hair_masks
from anime2real.data.hair_colour import CHEEKS
from anime2real.data.hair_masks import add_hair, colour_inside, drawn_hair_mask, hair_mask
from anime2real.data.pack import Pack, PackError
from anime2real.data.prepare import prepare
from anime2real.face.geometry import TEMPLATE, align
from anime2real.image.cielab import ciede2000, to_lab
from anime2real.image.guided_filter import box_mean, guided_filter
from anime2real.translator import find_faces

ROOT = Path(__file__).parent.parent.parent
PHOTOGRAPH = ROOT / "docs" / "pictures" / "astronaut.jpg"
FILES = ("images.npy", "index.jsonl", "meta.json", "hair.npy")


def test_a_box_mean_is_the_mean_of_each_window() -> None:
    planes = np.random.default_rng(0).random((2, 7, 9))
    for radius in (1, 3, 10):
        expected = np.empty_like(planes)
        for y in range(7):
            for x in range(9):
                window = planes[:, max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
                expected[:, y, x] = window.mean((1, 2))
        np.testing.assert_allclose(box_mean(planes, radius), expected)


def test_without_edges_to_follow_a_guided_filter_is_a_mean_of_means() -> None:
    mask = np.random.default_rng(0).random((12, 12))
    smoothed = guided_filter(mask, np.full((3, 12, 12), 0.3), 2, 1e-3)
    np.testing.assert_allclose(smoothed, box_mean(box_mean(mask, 2), 2), atol=1e-9)


def test_a_mask_that_is_a_colour_of_the_guide_stays() -> None:
    guide = np.random.default_rng(1).random((3, 20, 20))
    mask = 0.2 * guide[0] + 0.5 * guide[1] - 0.3 * guide[2] + 0.1
    np.testing.assert_allclose(guided_filter(mask, guide, 3, 1e-9), mask, atol=1e-5)


def test_a_rough_mask_takes_the_edge_of_the_picture() -> None:
    guide = np.zeros((3, 32, 32))
    guide[:, :, 16:] = np.array([0.8, 0.5, 0.2])[:, None, None]
    rough = np.clip((np.arange(32) - 11) / 10, 0, 1)[None].repeat(32, 0)  # a ramp over ten pixels
    fine = guided_filter(rough, guide, 6, 1e-3)
    assert fine[:, 17:].min() - fine[:, :15].max() > 0.4  # across the edge
    assert abs(fine[16, 16] - fine[16, 15]) > 4 * abs(rough[16, 16] - rough[16, 15])


def test_the_hair_of_a_photograph_is_marked() -> None:
    picture = Image.open(PHOTOGRAPH).convert("RGB")
    crop = align(picture, find_faces(picture)[0].crop, 128)
    mask = hair_mask(crop)
    assert mask.shape == (128, 128)
    assert mask.dtype == np.uint8
    cheeks = CHEEKS.repeat(2, 0).repeat(2, 1)
    assert mask[cheeks].max() < 25
    assert 0.1 < (mask > 127).mean() < 0.5
    assert (mask[8:24, 40:88] > 127).mean() > 0.7  # above the forehead
    larger = hair_mask(align(picture, find_faces(picture)[0].crop, 192))
    smaller = np.asarray(Image.fromarray(larger).resize((128, 128), Image.Resampling.BOX))
    assert ((smaller > 127) == (mask > 127)).mean() > 0.95
    colour = colour_inside(np.asarray(crop), mask)
    assert colour is not None
    assert 5 < colour[0] < 50  # brown, in shadow and in light
    assert 0 < colour[2] < 40


def test_the_colour_is_the_median_inside_and_none_without_hair() -> None:
    picture = np.full((16, 16, 3), (90, 60, 200), np.uint8)
    picture[:, 8:] = (10, 200, 30)
    mask = np.zeros((16, 16), np.uint8)
    assert colour_inside(picture, mask) is None
    mask[:, :8] = 255
    found = colour_inside(picture, mask)
    assert found is not None
    assert ciede2000(np.array(found), to_lab(np.array([90, 60, 200]))) < 0.1


def test_drawn_hair_is_what_has_its_colour_and_is_no_part_of_the_face() -> None:
    side = 64
    skin, hair, wall = (240, 205, 185), (70, 110, 200), (250, 250, 245)
    y, x = np.mgrid[:side, :side] / side
    picture = np.full((side, side, 3), wall, np.uint8)
    around = ((x - 0.5) / 0.38) ** 2 + ((y - 0.5) / 0.42) ** 2 < 1
    face = ((x - 0.5) / 0.24) ** 2 + ((y - 0.58) / 0.26) ** 2 < 1
    picture[around], picture[face] = hair, skin
    eye = (abs(y - 0.5) < 0.04) & (abs(abs(x - 0.5) - 0.12) < 0.04)
    picture[eye] = hair  # blue eyes under blue hair
    picture[around & (y < 0.2)] = (110, 145, 225)  # in the light
    mask = drawn_hair_mask(picture, to_lab(np.array(hair)), TEMPLATE * side)
    inside = around & ~face
    assert (mask[inside] > 127).mean() > 0.95
    assert not mask[face & (y > 0.45)].any()
    assert (mask[~around] == 0).mean() > 0.98


def test_light_hair_beside_skin_stops_at_the_skin() -> None:
    side = 64
    skin, hair = (245, 215, 190), (250, 225, 150)
    picture = np.full((side, side, 3), skin, np.uint8)
    picture[:20] = hair
    mask = drawn_hair_mask(picture, to_lab(np.array(hair)), TEMPLATE * side)
    assert mask[:19].min() > 250
    assert not mask[21:].any()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Drawn faces, and one photograph, as it is and mirrored."""
    root = tmp_path_factory.mktemp("sources")
    for domain in ("anime", "real"):
        (root / domain / "train").mkdir(parents=True)
    for path in sorted((ROOT / "examples").glob("*.png"))[:3]:
        shutil.copy(path, root / "anime" / "train")
    picture = Image.open(PHOTOGRAPH).convert("RGB")
    picture.save(root / "real" / "train" / "one.png")
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "real" / "train" / "two.png")
    return root / "anime", root / "real"


def make(sources: tuple[Path, Path], output: Path, hair: bool, processes: int = 1) -> Pack:
    prepare([sources[0]], [sources[1]], output, size=64, near=0, hair=hair, processes=processes, quiet=True)
    return Pack(output)


def test_a_pack_prepared_with_hair_is_one_that_hair_was_added_to(sources: tuple[Path, Path], tmp_path: Path) -> None:
    pack = make(sources, tmp_path / "pack", True)
    assert pack.hair is not None
    assert pack.hair.shape == (5, 64, 64)
    for mask, entry in zip(pack.hair, pack.index, strict=True):
        assert (mask.max() > 200) == (entry["hair"] is not None)
        assert entry["domain"] == "anime" or entry["hair"] is not None
    assert pack.meta["hair"]["known"] == sum(entry["hair"] is not None for entry in pack.index)
    assert pack.hair_colours("real", "train").shape == (2, 3)
    assert 1 <= len(pack.hair_colours("anime", "train")) <= 3
    bare = make(sources, tmp_path / "bare", False)
    assert bare.hair is None
    assert bare.hair_colours("real", "train").shape == (0, 3)
    assert bare.digest != pack.digest
    add_hair(tmp_path / "bare", processes=2)
    for name in FILES:
        assert (tmp_path / "bare" / name).read_bytes() == (tmp_path / "pack" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "bare").iterdir()) == sorted(FILES)


def test_hair_that_was_found_before_a_stop_is_not_looked_for_again(
    sources: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(sources, tmp_path / "pack", False)
    shutil.copytree(tmp_path / "pack", tmp_path / "straight")
    monkeypatch.setattr(hair_masks, "_CHUNK", 2)
    looked, hair_of = [], hair_masks._hair_of

    def stopping(pictures: np.ndarray, entries: list[dict[str, object]]) -> list[tuple[np.ndarray, list[float] | None]]:
        looked.append(len(entries))
        if len(looked) == 2:
            raise KeyboardInterrupt
        return hair_of(pictures, entries)

    with monkeypatch.context() as patch:
        patch.setattr(hair_masks, "_hair_of", stopping)
        with pytest.raises(KeyboardInterrupt):
            add_hair(tmp_path / "pack", processes=1)
        assert Pack(tmp_path / "pack").hair is None
        add_hair(tmp_path / "pack", processes=1)
        assert looked == [2, 2, 2, 1]
    add_hair(tmp_path / "straight", processes=1)
    for name in FILES:
        assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "pack" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "pack").iterdir()) == sorted(FILES)


def test_the_digest_covers_the_masks(toy: Toy, tmp_path: Path) -> None:
    one = Pack(with_hair(toy.pack, tmp_path / "one"))
    assert one.digest != Pack(toy.pack).digest
    assert one.meta["hair"]["sha256"] in (tmp_path / "one" / "meta.json").read_text()


def test_hair_needs_faces(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="use the crop rule face or tilted, not auto"):
        prepare([toy.anime], [toy.real], tmp_path / "pack", size=32, crop="auto", hair=True, quiet=True)
    shutil.copytree(toy.pack, tmp_path / "toy")
    with pytest.raises(PackError, match="no landmarks, which hair needs"):
        add_hair(tmp_path / "toy")
    assert Pack(tmp_path / "toy").hair is None


def test_masks_that_are_missing_or_of_another_pack_are_refused(toy: Toy, tmp_path: Path) -> None:
    folder = with_hair(toy.pack, tmp_path / "pack")
    np.save(folder / "hair.npy", np.zeros((3, SIZE, SIZE), np.uint8))
    with pytest.raises(PackError, match=r"hair\.npy does not fit"):
        Pack(folder)
    (folder / "hair.npy").unlink()
    with pytest.raises(PackError, match="damaged pack"):
        Pack(folder)
