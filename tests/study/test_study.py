"""A study from its making, over simulated answers, to its analysis."""

import csv
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from studies import METHODS, PREFERENCE, pictures

from anime2real.study.analysis import analyse, as_json
from anime2real.study.answers import DATABASE, Answers
from anime2real.study.create import DirectionPictures, create_study
from anime2real.study.simulate import simulate
from anime2real.study.trials import Study, StudyError, read_study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return create_study(
        tmp_path / "study", {"real": pictures(), "anime": pictures()}, comparisons=8, controls=6, checks=4
    )


def test_a_study_is_read_as_it_was_made(study: Study) -> None:
    again = read_study(study.folder)
    assert again == study
    kinds = [(t.to, t.kind) for t in study.trials]
    for to in ("real", "anime"):
        assert kinds.count((to, "methods")) == 3 * 8
        assert kinds.count((to, "real")) == 3 * 6
        assert kinds.count((to, "attention")) == 4
    assert len({t.name for t in study.trials}) == len(study.trials)


def test_names_and_bytes_of_pictures_tell_nothing(study: Study) -> None:
    files = {side.picture for trial in study.trials for side in trial.sides}
    assert {p.name for p in (study.folder / "pictures").iterdir()} == files
    assert not any(name in file for file in files for name in (*METHODS, "real", "spoiled"))


def test_raters_see_everything_once_in_an_order_and_on_sides_of_their_own(study: Study) -> None:
    one, two = study.for_rater("one"), study.for_rater("two")
    assert one == study.for_rater("one")
    assert {t.name for t, _ in one} == {t.name for t in study.trials}
    assert [t.name for t, _ in one] != [t.name for t, _ in two]
    assert 0.2 < np.mean([swapped for _, swapped in one]) < 0.8


def test_a_rater_goes_on_where_they_stopped(study: Study) -> None:
    answers = Answers(study)
    answers.issue("me")
    for done in range(5):
        following = answers.next("me")
        assert following is not None
        trial, _, before = following
        assert before == done
        assert answers.record("me", trial.name, 0, 900)
        assert not answers.record("me", trial.name, 1, 900)  # the first answer counts
    again = Answers(read_study(study.folder))
    assert len(again.answered("me")) == 5
    assert {a.chosen for a in again.all()} <= {s.source for t in study.trials for s in t.sides[:1]}
    for trial, _ in study.for_rater("me"):
        again.record("me", trial.name, 1, 1)
    assert again.next("me") is None


def test_several_answer_at_once(study: Study) -> None:
    answers = Answers(study)

    def answer(rater: str) -> None:
        answers.issue(rater)
        while (following := answers.next(rater)) is not None:
            answers.record(rater, following[0].name, 0, 5)

    threads = [threading.Thread(target=answer, args=(f"r{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers.all()) == 6 * len(study.trials)


def test_known_preferences_fooling_and_harshness_are_found(study: Study) -> None:
    answers = Answers(study)
    simulate(study, answers, 30, PREFERENCE, fooled={"real": 0.2, "anime": 0.45}, seed=1)
    simulate(study, answers, 4, PREFERENCE, careless=1.0, seed=2)
    found = analyse(answers.all(), study.methods)
    assert set(found.excluded) <= {rater for rater in found.raters if rater.startswith("simulated-2")}
    assert len(found.excluded) >= 2  # by a coin, six of eight right in one of seven
    for to in ("real", "anime"):
        logs = dict(zip(found.rankings[to].methods, found.rankings[to].logs, strict=True))
        assert logs["good"] > logs["middling"] > logs["poor"]
        wins = found.wins[to, "good", "poor"]
        assert wins.low - 0.05 <= 1 / (1 + np.exp(-2.0)) <= wins.high + 0.05
    assert found.fooling_by_direction["real"].low - 0.03 <= 0.2 <= found.fooling_by_direction["real"].high + 0.03
    assert found.harshness_gap is not None
    assert found.harshness_gap.low <= 0.25 <= found.harshness_gap.high
    assert found.harshness_gap.low > 0
    figures = json.loads(json.dumps(as_json(found)))
    assert figures["harshness_gap"]["share"] == pytest.approx(found.harshness_gap.value, abs=1e-3)
    assert {entry["method"] for entry in figures["strengths"]} == set(METHODS)


def test_only_raters_that_were_issued_count(study: Study) -> None:
    answers = Answers(study)
    with pytest.raises(StudyError, match="issued no rater 'invented'"):
        answers.record("invented", study.trials[0].name, 0, 5)
    assert answers.record(answers.issue(), study.trials[0].name, 0, 5)
    with closing(sqlite3.connect(study.folder / DATABASE)) as connection, connection:
        connection.execute("insert into answers select 'invented', trial, chosen, rejected, 1, '' from answers")
    assert len(answers.all()) == 1


def test_a_study_from_before_raters_were_kept_keeps_its_answers(study: Study) -> None:
    simulate(study, Answers(study), 2, PREFERENCE)
    with closing(sqlite3.connect(study.folder / DATABASE)) as connection, connection:
        connection.execute("drop table raters")
    assert len(Answers(study).all()) == 2 * len(study.trials)


def test_answers_that_cannot_be_stored_say_what_to_do(study: Study) -> None:
    database = study.folder / DATABASE
    database.write_bytes(b"no database, but long enough to be one" * 40)
    with pytest.raises(StudyError, match=r"cannot be used \(file is not a database\): is it another program's\?"):
        Answers(study)
    database.unlink()
    database.mkdir()
    with pytest.raises(StudyError, match=r"unable to open database file\): allow writing there, and make room"):
        Answers(study)


def test_nothing_answered_finds_nothing(study: Study) -> None:
    found = analyse([], study.methods)
    assert found.raters == ()
    assert found.harshness_gap is None
    assert as_json(found)["wins"] == []


def test_answers_are_exported(study: Study, tmp_path: Path) -> None:
    answers = Answers(study)
    simulate(study, answers, 2, PREFERENCE)
    assert answers.export(tmp_path / "answers.csv") == 2 * len(study.trials)
    rows = list(csv.DictReader((tmp_path / "answers.csv").open(encoding="utf-8")))
    assert {row["kind"] for row in rows} == {"methods", "real", "attention"}
    assert all(int(row["milliseconds"]) >= 0 for row in rows)


def test_what_cannot_be_made_or_read_is_one_line(study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        read_study(tmp_path)
    with pytest.raises(StudyError, match="another folder"):
        create_study(study.folder, {"real": pictures()})
    uneven = DirectionPictures({"a": pictures(3).results["good"], "b": pictures(4).results["poor"]}, pictures().real)
    with pytest.raises(StudyError, match="same pictures"):
        create_study(tmp_path / "uneven", {"real": uneven})
    assert not (tmp_path / "uneven").exists()
    with pytest.raises(StudyError, match="no side"):
        Answers(study).record("me", "nothing", 0, 1)
    with pytest.raises(StudyError, match="no preference for poor"):
        simulate(study, Answers(study), 1, {"good": 1.0, "middling": 0.0})
    (study.folder / "study.json").write_text("{}")
    with pytest.raises(StudyError, match="damaged"):
        read_study(study.folder)
