"""Labels: read off faces or taken from a table; pictures drawn in stated shares."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import Toy
from trainings import with_landmarks

from anime2real.cli.main import main
from anime2real.data.labels import AGES, MEN, MOST, add_labels, read_table, shares, weights
from anime2real.data.pack import Pack, PackError
from anime2real.data.prepare import prepare
from anime2real.face.finder import default_finder, default_labeller

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PHOTOGRAPH = EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg"


def entries_of(pack: Path) -> dict[str, dict[str, object]]:
    return {entry["file"]: entry for entry in Pack(pack).index}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of drawings and of one photograph, with labels."""
    folder = tmp_path_factory.mktemp("faces")
    for domain, paths in (("anime", sorted(EXAMPLES.glob("*.png"))[:3]), ("real", [PHOTOGRAPH])):
        (folder / domain / "train").mkdir(parents=True)
        for path in paths:
            shutil.copy(path, folder / domain / "train")
    prepare([folder / "anime"], [folder / "real"], folder / "pack", size=64, labels=True, processes=1, quiet=True)
    return folder / "pack"


def test_faces_are_read(faces: Path) -> None:
    pack = Pack(faces)
    assert pack.who is not None
    assert pack.weights is not None
    photograph = Image.open(PHOTOGRAPH).convert("RGB")
    (labels,) = default_labeller()(photograph, default_finder()(photograph)[:1])
    sex, age = pack.who[pack.rows("real", "train")[0]]
    assert sex == pytest.approx(labels.sex, abs=0.3)  # of a crop of 64 px, not of the file
    assert 100 * age == pytest.approx(labels.age, abs=5)
    youngest, oldest = pack.meta["labels"]["ages"]["anime"]
    assert 18 <= youngest <= oldest <= 80
    assert pack.meta["labels"]["ages"]["real"] == [18, 80]
    assert pack.meta["labels"]["known"] == 0


def test_the_frame_says_where_the_crop_lies_in_its_file(faces: Path) -> None:
    pack = Pack(faces)
    assert pack.frames is not None
    frame = pack.frames[pack.rows("real", "train")[0]]
    assert (np.abs(frame[:, 2]) < 1).all()  # the middle of the crop lies in the photograph
    assert 0.1 < np.linalg.norm(frame[:, 0]) < 1  # which is larger


def test_a_table_is_believed_before_the_face(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = Path(shutil.copytree(faces, tmp_path / "pack"))
    names = sorted(name for name, entry in entries_of(pack).items() if entry["domain"] == "anime")
    before = entries_of(pack)
    table = tmp_path / "table.csv"
    rows = [f"anime,{names[0].removeprefix('anime/')},man,67", f"anime,{names[1].removeprefix('anime/')},,12"]
    rows.append("real,train/astronaut.jpg,woman,40")
    table.write_text("archive,member,sex,age\n" + "\n".join(rows) + "\n")
    assert main(["pack", "add-labels", str(pack), "--labels-from", str(table), "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["from_table"] == 3
    after = entries_of(pack)
    assert after[names[0]]["who"] == [1.0, 0.67]
    assert after[names[1]]["who"] == [before[names[1]]["who"][0], 0.18]  # type: ignore[index]
    assert after[names[2]]["who"] == before[names[2]]["who"]
    assert main(["pack", "show", str(pack)]) == 0
    said = capsys.readouterr().out
    assert "known of each: landmarks, labels" in said
    assert "anime is drawn with: 35% men" in said
    assert main(["pack", "show", str(pack), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shares"]["real"]["men"] == 0


def test_photographs_of_children_are_left_out(toy: Toy, tmp_path: Path) -> None:
    pack = with_landmarks(toy.pack, tmp_path / "pack")
    name = next(n for n, e in entries_of(pack).items() if (e["domain"], e["split"]) == ("real", "train"))
    table = tmp_path / "table.csv"
    before = Pack(pack).meta["counts"]
    for age in ("9", "30"):  # and do not come back
        table.write_text(f"archive,member,sex,age\nreal,{name.removeprefix('real/')},man,{age}\n")
        add_labels(pack, table=table)
        assert entries_of(pack)[name]["split"] == "left out"
        assert Pack(pack).meta["counts"]["real"]["train"] == before["real"]["train"] - 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archive,member,sex\n", "has no column age"),
        ("archive,member,sex,age\na,b,boy,30\n", "line 2: sex is man, woman or a number"),
        ("archive,member,sex,age\na,b,3,30\n", "a sex goes from -1 to 1"),
        ("archive,member,sex,age,weight\na,b,1,30,0\n", "a weight is above 0"),
        ("archive,member,sex,age\na,b,man,30\n", "names no picture of"),
    ],
)
def test_a_wrong_table_is_said_in_one_line(faces: Path, tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(text)
    before = (faces / "index.jsonl").read_bytes()
    with pytest.raises(PackError, match=message) as caught:
        add_labels(faces, table=table)
    assert "\n" not in str(caught.value)
    assert (faces / "index.jsonl").read_bytes() == before


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"nowhere\.csv cannot be read"):
        read_table(tmp_path / "nowhere.csv")


def test_labels_need_faces(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no landmarks, which labels need"):
        add_labels(toy.pack)
    with pytest.raises(PackError, match="--labels wants lined-up faces"):
        prepare([toy.anime], [toy.real], tmp_path / "pack", size=32, crop="auto", labels=True, quiet=True)
    assert shares(Pack(toy.pack)) == {}


def test_shares_of_men_ages_and_sources() -> None:
    random = np.random.default_rng(0)
    entries = [
        {
            "file": f"{'small' if i < 60 else 'large'}.zip/{i}",
            "who": [1.0 if random.random() < 0.2 else -1.0, random.uniform(0.18, 0.75)],
            "weight": 1.0,
        }
        for i in range(2000)
    ]
    drawn = weights(entries, "real") / 2000
    men = np.array([entry["who"][0] > 0 for entry in entries])  # type: ignore[index]
    age = np.array([100 * entry["who"][1] for entry in entries])  # type: ignore[index]
    assert drawn[men].sum() == pytest.approx(MEN["real"], abs=0.05)
    for low, high, share in AGES:
        assert drawn[(age >= low) & (age < high)].sum() == pytest.approx(share, abs=0.08)
    assert drawn[:60].sum() > 2 * 60 / 2000  # more than its share of the pictures
    assert drawn.max() <= 1.01 * MOST["real"] * drawn.mean() * 2
    women = [entry | {"who": [-1.0, 0.3]} for entry in entries]
    assert weights(women, "anime").mean() == pytest.approx(1.0)
