"""What `student` promises: its teacher stands still and is redrawn, one way is learned, and its bundle says whose."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported import PX, WIDTH
from toys import QUICK, SIZE, TINY, UNTOLD, Toy, batch, stop_at, with_hair
from trainings import PLAIN, assert_same, with_landmarks

from anime2real.bundle.format import read
from anime2real.data.pack import Pack
from anime2real.data.pack_files import write_both
from anime2real.domain import DOMAINS, Domain, other
from anime2real.face.geometry import TEMPLATE
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.face_colours import skin_colour
from anime2real.train.face_frame import result_landmarks
from anime2real.train.losses.skin_colour import tone
from anime2real.train.losses.taught import feature_distance
from anime2real.train.method import WARMUP_PAIRS
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.student import Student, both_ways_round
from anime2real.train.methods.student_options import StudentConfig
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.restore import restore_run
from anime2real.train.schedule import Schedule
from anime2real.train.selection import annotations, training_rows
from anime2real.train.start import dry_run, train

NETWORKS: dict[str, Any] = {"width": WIDTH, "blocks": 1, "projection_width": 8, "patch_width": 8}
OPTIONS = StudentConfig(**QUICK | UNTOLD | NETWORKS)


def student(**changes: Any) -> Student:
    torch.manual_seed(0)
    method = Student(replace(OPTIONS, **changes), SIZE)
    method.make_optimizers(1e-3)
    return method


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def test_the_student_alone_learns_and_discriminators_see_photographs_alone() -> None:
    method = student(worst_patch_weight=0.1, cam_discriminator_weight=1.0)
    assert all(list(d) == ["real"] for d in (method.feature_discriminators, method.patch_discriminators))
    still = [method.teacher, method.to_anime]
    before = [weights(network) for network in (*still, method.to_real, method.patch_discriminators)]
    losses = method.step(batch(2))
    after = [weights(network) for network in (*still, method.to_real, method.patch_discriminators)]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, False, False]
    of_generator = {"adversarial", "patch", "worst_patch", "cam_discriminator", "taught", "features", "mirrored"}
    assert set(losses) == of_generator | {f"discriminator_{name}" for name in ("real", "patch_real", "cam")}


def test_the_teachers_results_are_redrawn_both_ways_round() -> None:
    method, drawing = student(), batch(2).anime

    def even(network: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
        return (network(image) + network(image.flip(3)).flip(3)) / 2

    with torch.no_grad():
        redrawn = even(method.to_anime, even(method.teacher, drawing))
        torch.testing.assert_close(redrawn.flip(3), even(method.to_anime, even(method.teacher, drawing.flip(3))))
        torch.testing.assert_close(method._taught(drawing, None), method.teacher(redrawn))
    assert not method._taught(drawing, None).requires_grad


def test_of_shut_eyes_and_glasses_the_first_result_is_taught() -> None:
    method, drawing = (
        student(generator="ugatit", blocks=2, who=True, expressions=True),
        batch(2).anime[:1].repeat(4, 1, 1, 1),
    )
    who = torch.tensor([[1.0, 0.3, 0.0, 0.0, open_eyes, glasses] for open_eyes in (-1, 1) for glasses in (-1, 1)])
    wanted = method._taught(drawing, who)
    first = method.teacher(drawing, who)
    for place, kept in enumerate((True, True, False, True)):
        assert torch.allclose(wanted[place], first[place], atol=1e-5) == kept


def test_the_student_does_not_see_all_that_its_teacher_does() -> None:
    plain = batch(2)
    known = replace(plain, anime_landmarks=torch.tensor(2 * TEMPLATE - 1).float()[None].repeat(2, 1, 1))
    known = replace(known, anime_hair=torch.ones_like(plain.anime[:, :1]))
    for changes in ({"cut_close": 1.0}, {"hidden_eyes": 1.0}):
        method = student(**changes)
        assert method.wants_landmarks
        assert not torch.equal(method._covered(plain.anime, known), plain.anime)
        assert torch.equal(method._covered(plain.anime, plain), plain.anime)  # nothing known
    seen: list[torch.Tensor] = []
    method._covered = lambda drawing, batch: seen.append(drawing) or drawing.flip(2)  # type: ignore[func-returns-value]
    method.to_real.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    method.teacher.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    method.step(known)
    drawing, of_student, of_teacher = seen[:3]
    assert torch.equal(of_student, drawing.flip(2))
    assert torch.equal(of_teacher[:2], drawing)


def test_hair_is_hung_over_eyes_also_where_nothing_else_wants_hair(toy: Toy, tmp_path: Path) -> None:
    bald = with_landmarks(toy.pack, tmp_path / "bald")
    pack = Pack(with_hair(bald, tmp_path / "haired"))
    method = student(hidden_eyes=1.0, hair_recolouring=0.0, hair_weight=0.0)
    assert annotations(pack, method, torch.device("cpu"))[1] is not None
    assert annotations(Pack(bald), method, torch.device("cpu"))[1] is None  # a pack without hair will do
    assert annotations(pack, student(cut_close=1.0), torch.device("cpu"))[1] is None


@pytest.mark.parametrize("changes", [{"cut_close": 0.1}, {"hidden_eyes": 0.1}, {"to": "anime", "skin_taught": 0.1}])
def test_a_pack_without_landmarks_is_refused_by_the_option_that_needs_them(toy: Toy, changes: dict[str, Any]) -> None:
    pack = Pack(toy.pack)
    with pytest.raises(TrainError, match=f"no landmarks, which {list(changes)[-1]} needs"):
        Student.resolve(replace(OPTIONS, **changes), pack)
    assert Student.resolve(OPTIONS, pack).detail_weight == 0.0


@pytest.mark.parametrize(("to", "small"), [("real", "anime"), ("anime", "real")])
def test_pictures_that_no_discriminator_sees_may_all_be_enlarged(
    toy: Toy, tmp_path: Path, to: Domain, small: Domain
) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    entries = [{**entry, "scale": 0.4 if entry["domain"] == small else 1.0} for entry in Pack(folder).index]
    write_both(folder, entries, Pack(folder).meta)
    pack = Pack(folder)
    inputs, real_set = training_rows(pack, student(to=to, min_scale=0.65), 0)
    for rows in (inputs, real_set):
        assert [set(of_domain) for of_domain in rows] == [set(pack.rows(domain, "train")) for domain in DOMAINS]
    with pytest.raises(TrainError, match=f"no {small} picture of the real set"):
        training_rows(pack, student(to=small, min_scale=0.65), 0)


def test_the_other_way_round_drawings_are_learned_and_seen() -> None:
    method = student(to="anime")
    assert list(method.feature_discriminators) == ["anime"]
    still = [method.teacher, method.to_real]
    before = [weights(network) for network in (*still, method.to_anime, method.patch_discriminators)]
    losses = method.step(batch(2))
    after = [weights(network) for network in (*still, method.to_anime, method.patch_discriminators)]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, True, False, False]
    assert {"taught", "features", "discriminator_anime"} <= set(losses)
    photographs = batch(2).real
    with torch.no_grad():
        first = sum(both_ways_round(method.teacher, photographs, None)) / 2
        again = sum(both_ways_round(method.to_real, first, None)) / 2
        torch.testing.assert_close(method._taught(photographs, None), method.teacher(again))
    method.start_average()
    [translator] = method.translators()
    assert (translator.source, translator.target) == ("real", "anime")
    assert translator.module is method.average["to_anime"]


def test_taught_drawings_have_skin_some_of_the_way_to_the_photographs() -> None:
    method = student(to="anime", skin_taught=0.5)
    landmarks = torch.tensor(2 * TEMPLATE - 1).float()[None].repeat(2, 1, 1)
    plain = batch(2)
    brown, pale = (torch.tensor(c).view(1, 3, 1, 1).expand(2, 3, 64, 64) for c in ([0.2, -0.2, -0.5], [0.8, 0.6, 0.4]))
    known = replace(plain, real=brown, real_landmarks=landmarks)
    (was, _), (own, _) = skin_colour(pale, landmarks), skin_colour(brown, landmarks)
    (now, _), (wanted, _) = skin_colour(method._with_skin(pale, known), landmarks), tone(own, "anime")
    torch.testing.assert_close(now, (was + wanted) / 2, atol=1.5, rtol=0)
    assert torch.equal(method._with_skin(pale, plain), pale)  # where no landmarks are known
    assert torch.equal(student(to="anime")._with_skin(pale, known), pale)


def test_it_comes_nearer_to_its_teacher() -> None:
    method = student(adversarial_share=0.0, mirror_weight=0.0)
    method.make_optimizers(5e-5)
    losses = [float(method.step(batch(2))["taught"]) for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]


def test_discriminators_may_learn_first_alone() -> None:
    method = student(head_start=0.25)
    networks = [method.to_real, method.patch_discriminators]
    for used, changes, learns in ((0.0, False, False), (0.2, False, False), (0.25, True, True), (0.9, False, True)):
        assert method.enter(used) == changes
        before = [weights(network) for network in networks]
        losses = method.step(batch(2))
        after = [weights(network) for network in networks]
        assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [learns, True]
        assert ("taught" in losses) == learns
        assert "discriminator_patch_real" in losses


def test_the_rate_is_constant_in_the_head_start_and_rises_after_it() -> None:
    method = student(head_start=0.25)
    method.started_from = [{}]
    config = TrainConfig("student", replace(OPTIONS, head_start=0.25), Budget(pairs=400_000))
    schedule, rate = Schedule(config, method), OPTIONS.learning_rate
    rates = [
        schedule.learning_rate(RunProgress(pairs=pairs)) / rate for pairs in (0, 99_000, 100_000, 108_000, 130_000)
    ]
    batches = OPTIONS.batch_size / WARMUP_PAIRS
    assert rates == pytest.approx([1.0, 1.0, batches, 0.5 + batches, 1.0])
    method.head_start = 0.0
    assert schedule.learning_rate(RunProgress(pairs=8_000)) / rate == pytest.approx(0.5 + batches)


def test_eyes_and_mouth_of_results_are_seen_where_results_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    method = student(detail_weight=0.5)
    landmarks = torch.tensor(2 * TEMPLATE - 1).float()[None].repeat(2, 1, 1)
    seen: list[torch.Tensor] = []

    def detail(name: str, image: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
        seen.append(landmarks)
        return image[:, :, :32, :64]

    monkeypatch.setattr("anime2real.train.methods.galatea_discriminators.detail", detail)
    method.step(replace(batch(2), anime_landmarks=landmarks, real_landmarks=landmarks))
    placed = result_landmarks(landmarks, "real")
    assert len(seen) == 4  # eyes and mouth, as the student learns and as the discriminators do
    assert all(torch.equal(each, placed) for each in seen[:2])
    assert all(torch.equal(each, torch.cat([landmarks, placed])) for each in seen[2:])


def test_features_are_compared_by_their_mean_size() -> None:
    """Two scales: 2 apart of 4 and nothing apart, hence 0.25; the gradient moves the picture alone."""

    def features(image: torch.Tensor) -> list[torch.Tensor]:
        return [4 * image, torch.ones_like(image)]

    image, wanted = (torch.full((1, 3, 2, 2), value, requires_grad=True) for value in (1.5, 1.0))
    distance = feature_distance(features, image, wanted)  # type: ignore[arg-type]
    assert distance == 0.25
    distance.backward()
    assert wanted.grad is None
    assert image.grad is not None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cycle_weight": 5.0}, "the student has no way back: leave cycle_weight out"),
        ({"start_from": ()}, "learns from a teacher: give --start-from galatea"),
        ({"cell": 0}, "cell is 1 or more, not 0"),
        ({"adversarial_share": -0.5}, "adversarial_share goes from 0 to 1, not -0.5"),
        ({"to": "both"}, "to is real or anime, not both"),
        ({"skin_taught": 0.5}, "skin_taught is of drawings: give --to anime, too"),
        ({"cut_close": 1.5}, "cut_close goes from 0 to 1, not 1.5"),
        ({"head_start": 1.0}, "head_start is 0 or more and less than 1, not 1.0"),
        ({"cell": 5}, "cell 5 does not divide pictures of 32 px"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(TrainError, match=says):
        student(**changes)


def test_a_dry_run_refuses_a_teacher_that_does_not_fit_and_speaks_of_no_option_that_a_student_lacks(toy: Toy) -> None:
    config = TrainConfig("student", replace(OPTIONS, start_from=("difference",)), Budget(pairs=6))
    with pytest.raises(TrainError, match=r"it is of method 'difference'$") as refused:
        dry_run(config, toy.pack)
    assert f"resnet of width {WIDTH} and 1 blocks" in str(refused.value)
    assert "--" not in str(refused.value)


def test_a_student_of_drawings_tells_what_is_of_drawings() -> None:
    config = TrainConfig("student", replace(OPTIONS, to="anime", skin_taught=0.5), Budget(pairs=6))
    told = config.as_table()["options"]
    assert told["skin_taught"] == 0.5
    assert {"oldest_drawing", "cycle_cell"} & told.keys() == {"oldest_drawing"}


def test_it_starts_as_its_teacher_goes_on_where_it_stopped_and_says_whose_weights_they_are(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    teacher = Galatea(replace(TINY["galatea"], width=WIDTH, blocks=1), PX)
    for domain in DOMAINS:
        network = teacher.to_real if domain == "real" else teacher.to_anime
        export_bundle(
            network, tmp_path / domain, method="galatea", source=other(domain), target=domain, px=PX,
            rights="of the first", licence="CC-BY", say=lambda line: None,
        )  # fmt: skip
    start = tuple(str(tmp_path / domain) for domain in DOMAINS)
    config = TrainConfig("student", replace(OPTIONS, start_from=start, learning_rate=1e-9), Budget(pairs=6))
    status = train(config, toy.pack, tmp_path / "run", PLAIN)
    assert [path.name for path in status.bundles] == ["student-anime-to-real"]
    bundle = read(status.bundles[0])
    assert bundle.redrawn_by is None
    assert bundle.keeps_colours
    card, written = status.bundles[0].joinpath("README.md").read_text(), (tmp_path / "run/config.toml").read_text()
    for name in ("cycle_weight", "cam_weight", "style_weight", "oldest_drawing", "skin_taught"):  # it has no part in
        assert name not in bundle.training["options"].keys() | set(written.split())
        assert name.replace("_", " ") not in card
    assert "adversarial share 0.5" in " ".join(card.split())
    assert bundle.rights.endswith("of the first")
    again, x = restore_run(tmp_path / "run"), sample_pictures(1, PX, 2)
    with torch.inference_mode():
        pictures = teacher.to_real(x), again.method.average["to_real"](x), again.method.teacher(x)
    for picture in pictures[1:]:
        np.testing.assert_allclose(pictures[0], picture, atol=4 / 255)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        assert not train(config, toy.pack, tmp_path / "stopped", PLAIN).finished
    train(config, toy.pack, tmp_path / "stopped", PLAIN)
    assert_same(tmp_path / "run", tmp_path / "stopped")
