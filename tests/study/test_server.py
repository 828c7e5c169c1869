"""The study over HTTP: a rater from the first pair to the last, and invalid requests."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from studies import METHODS, PREFERENCE, pictures

from anime2real.cli.main import main
from anime2real.study.analysis import analyse
from anime2real.study.answers import Answers
from anime2real.study.create import create_study
from anime2real.study.report import page
from anime2real.study.server import create_app, serve
from anime2real.study.simulate import simulate
from anime2real.study.trials import Study
from anime2real.web.settings import Settings


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return create_study(
        tmp_path / "study", {"real": pictures(4), "anime": pictures(4)}, comparisons=2, controls=2, checks=1
    )


def client_of(study: Study) -> TestClient:
    return TestClient(create_app(study), base_url="http://127.0.0.1:8020")


def test_a_rater_answers_everything(study: Study) -> None:
    client = client_of(study)
    rater = client.post("/v1/raters", json={}).json()["rater"]
    shown: dict[str, tuple[list[str], int]] = {}
    while (pair := client.post("/v1/next", json={"rater": rater}).json())["trial"] is not None:
        assert pair["done"] == len(shown)
        assert pair["total"] == len(study.trials)
        side = len(shown) % 2
        shown[pair["trial"]] = pair["pictures"], side
        answer = {"rater": rater, "trial": pair["trial"], "chosen": side, "milliseconds": 1234}
        assert client.post("/v1/answers", json=answer).json() == {"new": True}
        assert client.post("/v1/answers", json=answer).json() == {"new": False}
    assert len(shown) == len(study.trials)
    for kept in Answers(study).all():
        pictures, side = shown[kept.trial.name]
        chosen = next(s for s in kept.trial.sides if pictures[side].endswith(s.picture))
        assert kept.chosen == chosen.source  # what was on the side that was clicked
        assert kept.milliseconds == 1234


def test_an_answer_can_be_undone_and_need_not_be_a_choice(study: Study) -> None:
    client, answers = client_of(study), Answers(study)
    assert client.get("/v1/study").json() == {"total": len(study.trials)}
    rater = client.post("/v1/raters", json={}).json()["rater"]
    assert client.post("/v1/undo", json={"rater": rater}).json() == {"undone": False}
    for chosen in (None, 0):
        pair = client.post("/v1/next", json={"rater": rater}).json()
        body = {"rater": rater, "trial": pair["trial"], "chosen": chosen, "milliseconds": 900}
        assert client.post("/v1/answers", json=body).json() == {"new": True}
    assert sorted(answer.decided for answer in answers.all()) == [False, True]
    assert client.post("/v1/undo", json={"rater": rater}).json() == {"undone": True}
    assert client.post("/v1/next", json={"rater": rater}).json() == pair  # it is asked again
    assert [answer.decided for answer in answers.all()] == [False]


def test_pictures_come_without_a_mark_and_nothing_else_comes(study: Study) -> None:
    client = client_of(study)
    for trial in study.trials[:6]:
        for side in trial.sides:
            reply = client.get(f"/pictures/{side.picture}")
            assert reply.status_code == 200
            with Image.open(io.BytesIO(reply.content)) as picture:
                picture.load()
                assert picture.info == {}
                assert picture.size == (16, 16)
    for name in ("study.json", "..%2Fstudy.json", "..%2Fanswers.sqlite", "none.png"):
        assert client.get(f"/pictures/{name}").status_code == 404


def test_the_page_carries_the_security_headers(study: Study) -> None:
    client = client_of(study)
    for name in ("/", "/study.js", "/study.css"):
        reply = client.get(name)
        assert reply.status_code == 200
        assert "unsafe-inline" not in reply.headers["content-security-policy"]
        assert "http" not in reply.text.replace("http-equiv", "")
    assert not any(method in client.get("/").text for method in METHODS)


def test_other_sites_may_not_ask(study: Study) -> None:
    client = client_of(study)
    assert client.post("/v1/raters", json={}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/v1/raters", json={}, headers={"Host": "evil.example"}).status_code == 421
    named = TestClient(create_app(study, Settings(host_names=("faces.example",))), base_url="http://faces.example")
    assert named.post("/v1/raters", json={}).status_code == 200


def test_beyond_this_machine_a_token_is_needed(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr("anime2real.study.server.run", lambda *arguments: started.append(arguments))
    serve(study, Settings(host="0.0.0.0", port=0))
    app, settings, listener, announcement = started[0]
    listener.close()
    assert settings.token is not None
    assert f"#.{settings.token} " in announcement
    client = TestClient(app, base_url="http://faces.example")
    assert client.get("/").status_code == 200
    assert client.post("/v1/raters", json={}).status_code == 401
    assert client.post("/v1/raters", json={}, headers={"Authorization": f"Bearer {settings.token}"}).status_code == 200


def test_a_large_body_is_not_read(study: Study) -> None:
    client = client_of(study)
    assert client.post("/v1/next", content=b" " * 5000).status_code == 413
    reply = client.post("/v1/next", content=iter([b" " * 30_000] * 3))
    assert reply.status_code == 413
    assert "4,096" in reply.json()["error"]


def test_a_rater_that_was_not_issued_gets_one_line(study: Study) -> None:
    client = client_of(study)
    answer = {"trial": study.trials[0].name, "chosen": 0, "milliseconds": 1}
    for number in range(18):
        for path, body in (("/v1/next", {}), ("/v1/answers", answer)):
            reply = client.post(path, json={"rater": f"{number:016x}", **body})
            assert reply.status_code == 400
            assert "issued no rater" in reply.json()["error"]
    assert Answers(study).all() == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/next", {"rater": "me"}, 422),
        ("/v1/next", {}, 422),
        ("/v1/answers", {"rater": "0" * 16, "trial": "none", "chosen": 0, "milliseconds": 1}, 400),
        ("/v1/answers", {"rater": "0" * 16, "trial": "none", "chosen": 2, "milliseconds": 1}, 422),
        ("/v1/answers", {"rater": "0" * 16, "trial": "none", "chosen": 0, "milliseconds": -1}, 422),
    ],
)
def test_an_invalid_request_gets_one_line(study: Study, path: str, body: dict[str, object], status: int) -> None:
    reply = client_of(study).post(path, json=body)
    assert reply.status_code == status
    assert "\n" not in reply.json()["error"]
    assert len(Answers(study).all()) == 0


def test_the_report_shows_every_figure(study: Study) -> None:
    answers = Answers(study)
    simulate(study, answers, 12, PREFERENCE)
    text = page(analyse(answers.all(), study.methods))
    assert "good over poor" in text
    assert "Taken for real" in text
    assert "more harshly" in text
    assert text.count("<svg") == 3
    assert "fewer than" not in text
    assert "<script" not in page(analyse([], study.methods))


def test_the_report_says_when_who_and_what(study: Study) -> None:
    """Pictures of the study, the days, who could not tell, and that two people are few."""
    answers = Answers(study)
    simulate(study, answers, 2, PREFERENCE)
    rater = answers.issue()
    for trial, _ in study.for_rater(rater):
        answers.record(rater, trial.name, None, 5)
    found = analyse(answers.all(), study.methods)
    assert rater in found.excluded  # who cannot tell a spoiled picture does not look
    assert found.wins == analyse([a for a in answers.all() if a.rater != rater], study.methods).wins
    text = page(found, study)
    assert "Only 2 people counted" in text
    assert f"Answered {datetime.now(UTC).date().isoformat()[:4]}" in text
    assert text.count("data:image/webp") == 2 * 2 * 6


def test_the_command_simulates_reports_and_exports(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["study", "-o", str(study.folder)]
    simulated = ["--simulate", "5", "--preference", "good=1", "poor=-1"]
    written = ["--report", str(tmp_path / "r.html"), "--csv", str(tmp_path / "a.csv"), "--json"]
    assert main([*command, *simulated, *written]) == 0
    assert '"harshness_gap"' in capsys.readouterr().out
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 1 + 5 * len(study.trials)
    assert main([*command, "--simulate", "1", "--preference", "goood=1"]) == 2
    assert "goood" in capsys.readouterr().err
    assert main(["study", "-o", str(tmp_path / "none")]) == 2
    assert "no study yet" in capsys.readouterr().err
    assert main(["study", "good", "-o", str(tmp_path), "--data", str(tmp_path)]) == 1  # before anything is translated
    assert capsys.readouterr().err == f"error: {tmp_path} is there already and not a study: name another folder\n"


def test_a_missing_extra_is_one_line(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("anime2real.cli.extras.find_spec", lambda name: None if name == "scipy" else object())
    assert main(["study", "-o", str(study.folder), "--json"]) == 1
    assert capsys.readouterr().err == 'error: a study needs scipy: pip install "anime2real[study]"\n'
