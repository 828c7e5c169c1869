"""Faces are followed through a clip: on a known path, through gaps and cuts, and by few looks at the whole frame."""

from collections.abc import Sequence

import clips
import numpy as np
import pytest
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import default_finder
from anime2real.face.geometry import TEMPLATE, Face, Points, to_template
from anime2real.image.picture import Picture
from anime2real.video.clip import Frame
from anime2real.video.follow import FollowingFinder
from anime2real.video.track import EVERY, Finder, Tracker
from anime2real.video.tracks import SHORTEST, Track

RATE = 25.0


def run(finder: object, frames: Sequence[Image.Image]) -> list[Track]:
    tracker = Tracker(finder)  # type: ignore[arg-type]
    for number, image in enumerate(frames):
        tracker(Frame(image, number / RATE, number))
    assert len(tracker.held) == len(frames)
    return tracker.tracks()


class Scripted:
    """Sees what a script says: for each frame, the faces in it. Frames carry their number in their first pixel."""

    def __init__(self, script: Sequence[Sequence[Face]]) -> None:
        self.script, self.whole = script, 0

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        self.whole += 1
        return list(self.script[number(image)])

    def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
        here = self.script[number(image.crop((0, 0, 1, 1)))]
        nowhere = Face(TEMPLATE, "anime", 0.0)
        return [next((h for h in here if np.abs(h.landmarks - face.landmarks).max() < 20), nowhere) for face in faces]


def number(image: Image.Image) -> int:
    red, green, _ = image.getpixel((0, 0))  # type: ignore[misc]
    return int(red) * 16 + int(green)


def numbered(count: int, *, shade: Sequence[int] | None = None) -> list[Image.Image]:
    """Frames that differ, and say which they are."""
    frames = []
    for i in range(count):
        pixels = np.full((36, 64, 3), 100 if shade is None else shade[i], np.uint8)
        pixels[20:, (5 * i) % 56 : (5 * i) % 56 + 8] = 130
        pixels[0, 0] = i // 16, i % 16, 0
        frames.append(Image.fromarray(pixels))
    return frames


def a_face(x: float, domain: Domain = "anime", side: float = 100.0) -> Face:
    return Face(TEMPLATE * side + np.array([x, 50.0]), domain, 0.9)


class Counted:
    """A finder whose looks at the whole frame are counted."""

    def __init__(self, finder: Finder) -> None:
        self.finder, self.whole = finder, 0

    def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
        self.whole += 1
        return self.finder(image, coarse=coarse)

    def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
        return self.finder.follow(image, faces)


@pytest.fixture(scope="module")
def walk() -> tuple[list[Image.Image], Points]:
    frames, truth = clips.moving(48)
    return frames, truth


def test_a_face_on_a_known_path_is_one_track_on_that_path(walk: tuple[list[Image.Image], Points]) -> None:
    frames, truth = walk
    finder = Counted(FollowingFinder(default_finder(1)))
    (track,) = run(finder, frames)
    assert (track.first, track.end, track.domain) == (0, len(frames), "anime")
    off = np.hypot(*(track.landmarks - truth).transpose(2, 0, 1)) * to_template(truth[0]).scale
    assert off.mean() < 0.01  # of the crop's side
    assert off.max() < 0.025
    assert finder.whole <= len(frames) // EVERY + 1


def test_a_quick_face_is_followed(walk: tuple[list[Image.Image], Points]) -> None:
    frames, truth = walk
    (track,) = run(FollowingFinder(default_finder(1)), frames[::4])
    off = np.hypot(*(track.landmarks - truth[::4]).transpose(2, 0, 1)) * to_template(truth[0]).scale
    assert len(track.landmarks) == len(truth[::4])
    assert off.mean() < 0.01


def test_a_face_is_looked_for_where_it_will_be() -> None:
    class Noting(Scripted):
        def follow(self, image: Picture, faces: Sequence[Face]) -> list[Face]:
            asked.append([float(face.landmarks[0, 0] - TEMPLATE[0, 0] * 100) for face in faces])
            return super().follow(image, faces)

    asked: list[list[float]] = []
    (track,) = run(Noting([[a_face(20 + 3 * i)] if not 8 <= i < 10 else [] for i in range(13)]), numbered(13))
    assert len(track.landmarks) == 13
    # In the second frame it is where it was; after a gap, too.
    assert [round(x) for faces in asked for x in faces] == [20, *(20 + 3 * i for i in range(2, 9)), 53]


def test_a_cut_ends_a_track_and_begins_another(walk: tuple[list[Image.Image], Points]) -> None:
    other, _ = clips.moving(10, "hana", seed=3)
    dark = [Image.eval(frame, lambda v: v // 3) for frame in other]
    first, second = run(FollowingFinder(default_finder(1)), [*walk[0][:13], *dark])
    assert (first.first, first.end, second.first, second.end) == (0, 13, 13, 23)


def test_no_face_no_track() -> None:
    assert run(FollowingFinder(default_finder(1)), [clips.background((320, 240), seed) for seed in range(3)]) == []


def test_a_face_that_comes_between_two_looks_is_followed_back() -> None:
    finder = Scripted([[a_face(20)] if i >= 5 else [] for i in range(20)])
    (track,) = run(finder, numbered(20))
    assert (track.first, track.end) == (5, 20)


def test_a_face_that_comes_just_before_the_end_is_found() -> None:
    script = [[a_face(20), *([a_face(300)] if i >= 19 else [])] for i in range(22)]
    tracks = run(Scripted(script), numbered(22))
    assert [(track.first, track.end) for track in tracks] == [(0, 22), (19, 22)]


def test_a_small_face_outlives_coarse_looks_and_is_followed_back_from_a_whole_one() -> None:
    class Hasty(Scripted):
        """A coarse look sees no faces under 12 px."""

        def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
            coarsely.append(coarse)
            least = 12.0 if coarse else 0.0
            return [face for face in super().__call__(image) if 1 / to_template(face.landmarks).scale > least]

    coarsely: list[int] = []
    finder = Hasty([[a_face(20, side=6.0), *([a_face(300, side=6.0)] if i >= 9 else [])] for i in range(80)])
    frames = [image.resize((640, 360), Image.Resampling.NEAREST) for image in numbered(80)]
    first, second = run(finder, frames)
    assert (first.first, first.end, second.first, second.end) == (0, 80, 9, 80)
    assert coarsely == [0, 2, 1, 2, 1, 2, 1, 2, 0, 2, 1]  # the last frame, too


def test_a_short_gap_is_bridged_by_a_straight_line() -> None:
    script = [[a_face(20 + 2 * i)] if not 10 <= i < 14 else [] for i in range(30)]
    (track,) = run(Scripted(script), numbered(30))
    assert (track.first, track.end) == (0, 30)
    wanted = np.stack([a_face(20 + 2 * i).landmarks for i in range(30)])
    assert np.allclose(track.landmarks, wanted)


def test_a_long_gap_makes_two_tracks() -> None:
    script = [[a_face(20)] if not 10 <= i < 25 else [] for i in range(40)]
    first, second = run(Scripted(script), numbered(40))
    assert (first.first, first.end, second.first, second.end) == (0, 10, 25, 40)


def test_what_is_seen_for_a_moment_was_no_face() -> None:
    script = [[a_face(20)] + ([a_face(300)] if 8 <= i < 8 + SHORTEST - 1 else []) for i in range(20)]
    (track,) = run(Scripted(script), numbered(20))
    assert track.landmarks[0, 0, 0] < 100


def test_of_faces_that_came_together_each_may_leave_and_be_lost() -> None:
    script = [
        [a_face(x) for x, gone in ((20, (99, 99)), (250, (12, 60)), (480, (24, 28))) if not gone[0] <= i < gone[1]]
        for i in range(40)
    ]
    tracks = run(Scripted(script), numbered(40))
    assert sorted((track.first, track.end) for track in tracks) == [(0, 12), (0, 40), (0, 40)]


def test_two_faces_keep_their_own_tracks_and_domains() -> None:
    script = [[a_face(20), a_face(250 - i, "real")][:: 1 if i % 16 else -1] for i in range(30)]
    drawn, photographed = sorted(run(Scripted(script), numbered(30)), key=lambda track: track.domain)
    assert (drawn.domain, photographed.domain) == ("anime", "real")
    assert np.allclose(photographed.landmarks[29], a_face(250 - 29).landmarks)
    assert len(drawn.landmarks) == 30


def test_what_the_whole_finder_does_not_confirm_ends() -> None:
    class Stubborn(Scripted):
        """Its landmark network sees a face for ever, the whole finder only at first."""

        def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
            return super().__call__(image) if number(image) == 0 else []

    (track,) = run(Stubborn([[a_face(20)]] * 60), numbered(60))
    assert 0 < track.end < 40


def test_a_held_frame_costs_nothing_and_keeps_the_landmarks() -> None:
    frames = [image for image in numbered(20) for _ in range(2)]
    finder = Scripted([[a_face(20 + i)] for i in range(20)])
    tracker = Tracker(finder)
    for i, image in enumerate(frames):
        tracker(Frame(image, i / RATE, i))
    assert tracker.held == [False, True] * 20
    (track,) = tracker.tracks()
    assert np.array_equal(track.landmarks[::2], track.landmarks[1::2])
    assert finder.whole <= 20 // EVERY + 2


def test_a_clip_that_stands_still_is_not_kept_in_memory() -> None:
    tracker = Tracker(Scripted([[]]))
    (image,) = numbered(1)
    for i in range(100):
        tracker(Frame(image.copy(), i / RATE, i))
    assert len({id(kept) for kept in tracker._recent}) == 1


def test_a_slow_pan_is_not_held() -> None:
    """From frame to frame hardly anything changes, and yet it moves."""
    wide = clips.background((900, 240), 5)
    tracker = Tracker(Scripted([[]] * 4096))
    for i in range(60):
        image = wide.transform((320, 240), Image.Transform.AFFINE, (1, 0, 0.3 * i, 0, 1, 0), Image.Resampling.BICUBIC)
        image.putpixel((0, 0), (i // 16, i % 16, 0))
        tracker(Frame(image, i / RATE, i))
    runs = "".join("h" if h else " " for h in tracker.held).split()
    assert max(map(len, runs), default=0) < 8
