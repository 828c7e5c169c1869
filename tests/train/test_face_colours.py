"""Irises and skin: the losses by hand, what is left alone, and recoloured pictures of the colours asked for."""

from typing import Any

import torch
from painted import BLUE, DARK, HAIR, POINTS, RED, SIDE, SKIN, TAN, batch, face, landmarks
from trainings import OnTheDeviceAlone

from anime2real.domain import Domain
from anime2real.face.geometry import SWAPPED
from anime2real.face.irises import eye_colour
from anime2real.face.skin import skin_tone
from anime2real.train.batch import Batch
from anime2real.train.face_colours import iris_colours, skin_colour
from anime2real.train.face_frame import result_landmarks
from anime2real.train.face_recolouring import recoloured_irises, recoloured_skin
from anime2real.train.hair_recolouring import rgb_to_lab
from anime2real.train.joined_batch import joined_mean
from anime2real.train.losses.eye_colour import LIGHTNESS
from anime2real.train.losses.eye_colour import eye_distance as eye_distances
from anime2real.train.losses.skin_colour import STEP, TOLERANCE, tone
from anime2real.train.losses.skin_colour import skin_distance as skin_distances
from anime2real.train.methods.galatea_colours import recoloured
from anime2real.train.methods.galatea_kept import kept
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.random_numbers import COLUMNS, RandomNumbers

ONE = landmarks(1)
OPEN, CLOSED, GLASSES = (torch.tensor([[0.0, 0.3, -1.0, 0.0, *eyes]]) for eyes in ((1, -1), (-1, -1), (1, 1)))


def made(to: Domain, *colours: Any, gaze: float = 0.0) -> torch.Tensor:
    """A result, whose eyes lie where results have them."""
    return batch(face(*colours, gaze=gaze, points=(result_landmarks(ONE, to)[0].double().numpy() + 1) / 2 * SIDE))


def eye_distance(*seen: Any) -> torch.Tensor:
    """The mean, in hundreds of CIELAB."""
    return joined_mean(*eye_distances(*seen)) / 100


def skin_distance(*seen: Any) -> torch.Tensor:
    """The same of skin."""
    return joined_mean(*skin_distances(*seen)) / 100


def lab(rgb: tuple[int, ...]) -> torch.Tensor:
    return rgb_to_lab(torch.tensor(rgb).view(1, 3, 1, 1) / 127.5 - 1)[0, :, 0, 0]


def mirrored(points: torch.Tensor) -> torch.Tensor:
    return points[:, list(SWAPPED)] * torch.tensor([-1.0, 1.0])


def test_the_colours_are_those_of_the_measure() -> None:
    pictures = [face(), face(DARK, RED, 2.0), face(TAN, (90, 160, 60), -1.0)]
    skin, found = skin_colour(batch(*pictures), landmarks(3))
    assert found.tolist() == [1, 1, 1]
    for domain in ("anime", "real"):
        irises = iris_colours(batch(*pictures), landmarks(3), domain)
        for place, picture in enumerate(pictures):
            tone_there, eye_there = skin_tone(picture, POINTS), eye_colour(picture, POINTS, domain)
            torch.testing.assert_close(skin[place].double(), torch.tensor(tone_there), atol=0.1, rtol=0)
            torch.testing.assert_close(irises.colour[place].mean(0).double(), torch.tensor(eye_there), atol=0.1, rtol=0)


def test_the_eyes_distance_is_that_of_their_colours() -> None:
    before, after = batch(face()), made("real", SKIN, RED)
    alike = eye_distance(before, made("anime"), ONE, OPEN, "anime")
    assert float(alike) < 0.12  # drawn irises are looked for in a larger place
    one = iris_colours(before, ONE, "anime").colour
    two = iris_colours(after, result_landmarks(ONE, "real"), "real").colour
    by_hand = ((one - two) * torch.tensor([LIGHTNESS, 1, 1])).norm(dim=2).mean() / 100
    found = eye_distance(before, after, ONE, OPEN, "real")
    torch.testing.assert_close(found, by_hand, atol=1e-3, rtol=0)
    assert abs(float(found) - float((lab(BLUE) - lab(RED))[1:].norm()) / 100) < 0.15
    torch.testing.assert_close(eye_distance(before, after, ONE, None, "real"), found)


def test_a_mirrored_face_costs_as_much() -> None:
    before, ways = batch(face(gaze=2.0)), ("real", "anime")
    for to, after in ((to, made(to, SKIN, RED, gaze=1.0)) for to in ways):
        there = eye_distance(before.flip(3), after.flip(3), mirrored(ONE), OPEN, to)
        torch.testing.assert_close(eye_distance(before, after, ONE, OPEN, to), there, atol=1e-3, rtol=0)
        there = skin_distance(before.flip(3), -after.flip(3), mirrored(ONE), to)
        torch.testing.assert_close(skin_distance(before, -after, ONE, to), there, atol=1e-3, rtol=0)


def test_what_does_not_show_costs_nothing() -> None:
    before, after = batch(face()), made("real", SKIN, RED)
    for who in (CLOSED, GLASSES):
        assert float(eye_distance(before, after, ONE, who, "real")) == 0
    profile = ONE.clone()
    profile[:, 1, 0] = profile[:, 0, 0] + 0.2
    assert float(eye_distance(before, after, profile, OPEN, "real")) == 0
    assert float(skin_distance(before, -after, profile, "real")) == 0
    lids = batch(face(iris=SKIN)).clone()
    lids[:] = lids[:, :, :1, :1]
    assert float(eye_distance(lids, after, ONE, OPEN, "real")) == 0


def test_the_skins_distance_is_that_from_the_tone_beyond_the_tolerance() -> None:
    before = batch(face(TAN))
    after = batch(face(DARK))
    step = torch.tensor(STEP)
    by_hand = ((lab(DARK) - lab(TAN) - step).norm() - TOLERANCE) / 100
    torch.testing.assert_close(skin_distance(before, after, ONE, "anime"), by_hand, atol=1e-3, rtol=0)
    back = ((lab(DARK) - lab(TAN) + step).norm() - TOLERANCE) / 100
    torch.testing.assert_close(skin_distance(before, after, ONE, "real"), back, atol=1e-3, rtol=0)
    assert float(skin_distance(before, before, ONE, "anime")) > 0.03


def test_dark_skin_goes_and_comes_back_and_paper_is_skin_as_usual() -> None:
    dark = torch.tensor([[40.0, 14.0, 18.0]])
    there, _ = tone(dark, "anime")
    assert there.tolist() == [[46.0, 11.0, 16.0]]
    back, tolerance = tone(there, "real")
    torch.testing.assert_close(back, dark, atol=0.1, rtol=0)
    assert abs(float(tolerance) - TOLERANCE) < 0.01
    paper, tolerance = tone(torch.tensor([[94.0, 3.0, 10.0]]), "real")
    assert 70 < float(paper[0, 0]) < 74
    assert float(tolerance) > 8


def test_gradients_reach_the_result_alone_where_irises_and_skin_are() -> None:
    before, after = batch(face()).requires_grad_(), made("real", DARK, RED).requires_grad_()
    loss = eye_distance(before, after, ONE, OPEN, "real") + skin_distance(before, after, ONE, "real")
    loss.backward()
    assert before.grad is None
    assert after.grad is not None
    assert torch.isfinite(after.grad).all()
    assert after.grad[:, :, :40].abs().max() == after.grad[:, :, 100:].abs().max() == 0
    closer = (after - 0.1 * after.grad / after.grad.abs().max()).detach()
    total = eye_distance(before, closer, ONE, OPEN, "real") + skin_distance(before, closer, ONE, "real")
    assert total < loss


def test_both_irises_are_recoloured_or_neither() -> None:
    """A face with one blue eye would be taken for a real one."""
    drawing, photograph = iris_colours(batch(face(iris=RED)), ONE, "anime"), batch(face())
    x, y = POINTS[1].round().astype(int)
    hidden, shaded = photograph.clone(), photograph.clone()
    hidden[:, :, y - 8 : y + 9, x - 12 : x + 13] = photograph[:, :, -30:-29, SIDE // 2 : SIDE // 2 + 1]
    shaded[:, :, y - 8 : y + 9, x - 12 : x + 13] -= 0.5
    for image, changes in ((photograph, True), (hidden, False), (shaded.clamp(-1, 1), False)):
        result = recoloured_irises(image, ONE, drawing, torch.ones(1))
        assert torch.equal(result, image) != changes


def test_recoloured_irises_are_of_the_drawings_colour_and_nothing_else_changes() -> None:
    photograph, drawing = batch(face(), face(), face()), batch(face(iris=RED), face(iris=RED), face(iris=RED))
    drawing[2] = drawing[2, :, :1, :1]
    irises = iris_colours(drawing, landmarks(3), "anime")
    result = recoloured_irises(photograph, landmarks(3), irises, torch.tensor([1.0, 0.0, 1.0]))
    assert torch.equal(result[1:], photograph[1:])
    before, after = (iris_colours(picture[:1], ONE, "real").colour[0, 0] for picture in (photograph, result))
    assert (after - irises.colour[0, 0])[1:].norm() < 0.4 * (before - irises.colour[0, 0])[1:].norm()
    changed = (result[0] != photograph[0]).any(0)
    y, x = torch.nonzero(changed, as_tuple=True)
    for left, right in ((POINTS[0], x < SIDE // 2), (POINTS[1], x >= SIDE // 2)):
        assert (abs(x[right] - left[0]) < 5).all()
        assert (abs(y[right] - left[1]) < 4).all()


def test_recoloured_skin_has_the_tone_and_eyes_and_hair_stay() -> None:
    picture = batch(face(), face())
    picture[:, :, :30] = torch.tensor(HAIR)[:, None, None] / 127.5 - 1
    hair = torch.zeros(2, 1, SIDE, SIDE)
    hair[:, :, :30] = 1
    wanted = lab(DARK).expand(2, 3)
    result = recoloured_skin(picture, hair, landmarks(2), wanted, torch.tensor([1.0, 0.0]))
    assert torch.equal(result[1], picture[1])
    assert torch.equal(result[0, :, :30], picture[0, :, :30])
    skin, _ = skin_colour(result, landmarks(2))
    torch.testing.assert_close(skin[0], wanted[0], atol=1.0, rtol=0)
    eyes = [iris_colours(each[:1], ONE, "anime").colour[0, 0] for each in (picture, result)]
    torch.testing.assert_close(eyes[0], eyes[1], atol=3.0, rtol=0)
    grey = recoloured_skin(picture, hair, landmarks(2), torch.tensor([[60.0, 2.0, 3.0]] * 2), torch.ones(2))
    assert torch.equal(grey, picture)


def test_a_step_s_colours_stay_on_the_device_and_chance_says_which_change() -> None:
    config = GalateaConfig(eye_weight=1, eye_recolouring=0.5, skin_weight=1, skin_recolouring=0.5)
    numbers = RandomNumbers(torch.zeros(2, COLUMNS))
    numbers.eye_recolouring.copy_(torch.tensor([0.4, 0.6]))
    numbers.skin_recolouring.copy_(torch.tensor([0.6, 0.4]))
    drawings, photographs = batch(face(iris=RED), face(iris=RED)), batch(face(TAN), face(DARK))
    who = OPEN.expand(2, 6)
    given = Batch(drawings, photographs, numbers, landmarks(2), landmarks(2), anime_who=who, real_who=who)
    with OnTheDeviceAlone() as noted:
        changed = recoloured(config, given, None)
        works = kept(config, changed, {"real": photographs, "anime": drawings})
        losses = {name: work() for name, work in works.items()}
    assert noted.seen == []
    assert losses.keys() == {"eyes_real", "eyes_anime", "skin_real", "skin_anime"}
    assert [bool((changed.real[place] != photographs[place]).any()) for place in (0, 1)] == [True, False]
    assert [bool((changed.anime[place] != drawings[place]).any()) for place in (0, 1)] == [False, True]
