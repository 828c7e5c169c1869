"""Whom `draw_faces.py` draws: haircuts, lock by lock, and the eight looks.

Points are (x, y) in shares of the picture's side, x from the middle of the face to the right, y from the top down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from draw_faces_canvas import Colour, Point

Lock = tuple[Sequence[Point], float]  # a path from root to tip, and the width


@dataclass(frozen=True)
class Style:
    """A haircut.

    Attributes:
        part: where the fringe starts, from the middle.
        fringe: its locks, farthest first: x and y of the tip, width, and how far it bends to the left.
        sides: locks before the ears, each drawn on both sides of the face.
        back: the left half of what falls behind the head, from the top to the middle below.
        behind: locks over that, drawn on both sides.
        top: short locks around the head: angle of the tip in degrees, clockwise from above, and how far it stands off.
        tail: locks of a ponytail, in front of the one before.
        waves: how far locks swing to and fro.
        ears: whether they are seen.
    """

    part: float
    fringe: Sequence[tuple[float, float, float, float]]
    sides: Sequence[Lock] = ()
    back: Sequence[Point] = ()
    behind: Sequence[Lock] = ()
    top: Sequence[tuple[float, float]] = ()
    tail: Sequence[Lock] = ()
    waves: float = 0.0
    ears: bool = False


LONG_BACK = ((0, 0.1), (-0.15, 0.13), (-0.25, 0.27), (-0.275, 0.5), (-0.3, 0.8), (-0.31, 1.1), (0, 1.1))
BOB_BACK = (
    (0, 0.1),
    (-0.15, 0.13),
    (-0.25, 0.27),
    (-0.28, 0.5),
    (-0.285, 0.68),
    (-0.25, 0.8),
    (-0.12, 0.84),
    (0, 0.84),
)
SHORT_BACK = ((0, 0.12), (-0.15, 0.15), (-0.235, 0.3), (-0.225, 0.5), (-0.185, 0.66), (-0.12, 0.74), (0, 0.75))

STYLES = {
    "straight": Style(
        part=0.02,
        fringe=((-0.215, 0.6, 0.09, 0.02), (0.22, 0.6, 0.09, -0.02), (-0.165, 0.5, 0.11, 0.025),
                (0.175, 0.49, 0.11, -0.025), (0.115, 0.475, 0.1, -0.01), (-0.095, 0.485, 0.12, 0.02),
                (0.055, 0.5, 0.1, -0.014), (-0.03, 0.47, 0.1, 0.012), (0.005, 0.53, 0.06, 0.016)),
        sides=(([(-0.17, 0.27), (-0.218, 0.42), (-0.247, 0.65), (-0.225, 0.99)], 0.1),
               ([(-0.19, 0.4), (-0.213, 0.54), (-0.205, 0.68), (-0.178, 0.82)], 0.05)),
        back=LONG_BACK,
        behind=(([(-0.22, 0.35), (-0.29, 0.6), (-0.33, 0.85), (-0.35, 1.06)], 0.09),),
    ),
    "wavy": Style(
        part=-0.07,
        fringe=((-0.222, 0.62, 0.09, 0.03), (0.235, 0.66, 0.1, -0.035), (-0.19, 0.52, 0.11, 0.035),
                (0.195, 0.53, 0.13, -0.02), (-0.14, 0.45, 0.1, 0.01), (0.145, 0.47, 0.13, 0.0),
                (-0.085, 0.47, 0.08, 0.01), (-0.02, 0.45, 0.09, 0.02), (0.06, 0.475, 0.12, 0.02)),
        sides=(([(-0.2, 0.4), (-0.262, 0.56), (-0.27, 0.8), (-0.24, 1.06)], 0.1),
               ([(-0.19, 0.44), (-0.225, 0.58), (-0.23, 0.76), (-0.2, 0.93)], 0.062)),
        back=((0, 0.1), (-0.15, 0.13), (-0.255, 0.27), (-0.29, 0.48), (-0.345, 0.66), (-0.33, 0.82), (-0.36, 1.1),
              (0, 1.1)),
        behind=(([(-0.24, 0.4), (-0.32, 0.6), (-0.36, 0.85), (-0.37, 1.1)], 0.12),
                ([(-0.26, 0.5), (-0.29, 0.66), (-0.3, 0.85), (-0.31, 1.1)], 0.1)),
        waves=0.032,
    ),
    "bob": Style(
        part=0.06,
        fringe=((0.22, 0.58, 0.09, -0.02), (-0.22, 0.6, 0.1, 0.02), (0.18, 0.49, 0.1, -0.03),
                (-0.182, 0.52, 0.12, 0.02), (0.125, 0.45, 0.1, -0.02), (0.075, 0.48, 0.07, 0.01),
                (0.02, 0.47, 0.1, 0.0), (-0.045, 0.5, 0.12, -0.01), (-0.125, 0.495, 0.13, 0.0)),
        sides=(([(-0.17, 0.27), (-0.218, 0.42), (-0.258, 0.62), (-0.19, 0.825)], 0.12),
               ([(-0.2, 0.36), (-0.222, 0.54), (-0.222, 0.68), (-0.168, 0.785)], 0.065)),
        back=BOB_BACK,
        behind=(([(-0.2, 0.3), (-0.255, 0.46), (-0.292, 0.66), (-0.235, 0.84)], 0.1),
                ([(-0.2, 0.6), (-0.2, 0.7), (-0.17, 0.8), (-0.12, 0.865)], 0.09)),
    ),
    "ponytail": Style(
        part=0.09,
        fringe=((0.215, 0.58, 0.075, -0.03), (-0.215, 0.55, 0.09, 0.02), (0.185, 0.48, 0.09, -0.035),
                (-0.185, 0.49, 0.11, 0.01), (0.145, 0.44, 0.09, -0.02), (0.075, 0.47, 0.07, 0.0),
                (0.02, 0.45, 0.1, -0.01), (-0.04, 0.465, 0.12, -0.03), (-0.12, 0.475, 0.13, -0.02)),
        sides=(([(-0.2, 0.4), (-0.214, 0.54), (-0.222, 0.68), (-0.205, 0.84)], 0.042),),
        back=SHORT_BACK,
        tail=(([(0.08, 0.14), (0.25, 0.13), (0.36, 0.34), (0.34, 0.62), (0.4, 0.9)], 0.15),
              ([(0.1, 0.15), (0.27, 0.2), (0.33, 0.42), (0.29, 0.64), (0.3, 0.84)], 0.11)),
        waves=0.008,
        ears=True,
    ),
    "parted": Style(
        part=0.0,
        fringe=((-0.24, 0.8, 0.1, 0.03), (0.24, 0.8, 0.1, -0.03), (-0.215, 0.63, 0.11, 0.05),
                (0.215, 0.63, 0.11, -0.05), (-0.18, 0.49, 0.1, 0.055), (0.18, 0.49, 0.1, -0.055),
                (-0.14, 0.43, 0.1, 0.03), (0.14, 0.43, 0.1, -0.03),
                (-0.08, 0.385, 0.08, 0.015), (0.08, 0.38, 0.08, -0.015), (0.03, 0.49, 0.05, -0.02)),
        sides=(([(-0.2, 0.4), (-0.25, 0.55), (-0.262, 0.78), (-0.24, 1.06)], 0.085),),
        back=LONG_BACK,
        behind=(([(-0.22, 0.35), (-0.29, 0.6), (-0.325, 0.85), (-0.33, 1.08)], 0.09),),
    ),
    "side": Style(
        part=-0.12,
        fringe=((-0.22, 0.56, 0.08, 0.02), (0.23, 0.7, 0.1, -0.02), (0.208, 0.58, 0.13, -0.02),
                (-0.19, 0.47, 0.08, 0.03), (0.175, 0.5, 0.14, 0.0), (-0.145, 0.43, 0.08, 0.02),
                (-0.1, 0.42, 0.07, 0.01), (-0.045, 0.45, 0.1, 0.02), (0.03, 0.475, 0.13, 0.03),
                (0.115, 0.475, 0.14, 0.03)),
        sides=(([(-0.17, 0.27), (-0.22, 0.42), (-0.255, 0.66), (-0.3, 0.87)], 0.1),
               ([(-0.195, 0.4), (-0.22, 0.56), (-0.215, 0.7), (-0.235, 0.82)], 0.055)),
        back=((0, 0.1), (-0.15, 0.13), (-0.255, 0.28), (-0.285, 0.5), (-0.3, 0.7), (-0.3, 0.88), (-0.15, 0.94),
              (0, 0.94)),
        behind=(([(-0.24, 0.45), (-0.3, 0.62), (-0.32, 0.8), (-0.36, 0.93)], 0.1),
                ([(-0.22, 0.6), (-0.24, 0.74), (-0.24, 0.86), (-0.27, 0.97)], 0.1)),
        waves=0.006,
    ),
    "short": Style(
        part=0.05,
        fringe=((-0.208, 0.52, 0.085, 0.02), (0.212, 0.51, 0.08, -0.02), (-0.175, 0.46, 0.1, 0.0),
                (0.18, 0.45, 0.1, -0.01), (0.13, 0.46, 0.09, 0.01), (0.085, 0.43, 0.08, 0.0),
                (-0.115, 0.48, 0.11, -0.02), (-0.045, 0.46, 0.11, -0.02), (0.025, 0.51, 0.08, -0.015)),
        sides=(([(-0.205, 0.36), (-0.235, 0.46), (-0.228, 0.55), (-0.2, 0.62)], 0.06),),
        back=SHORT_BACK,
        behind=(([(-0.2, 0.5), (-0.215, 0.62), (-0.2, 0.7), (-0.21, 0.77)], 0.06),
                ([(-0.17, 0.6), (-0.17, 0.7), (-0.14, 0.76), (-0.145, 0.82)], 0.07)),
        top=((-112, 0.022), (114, 0.026), (-94, 0.036), (96, 0.034), (-76, 0.03), (78, 0.042), (-57, 0.036),
             (60, 0.036), (-40, 0.026), (42, 0.034), (-24, 0.014), (26, 0.02), (9, 0.006)),
        ears=True,
    ),
    "swept": Style(
        part=-0.1,
        fringe=((-0.21, 0.5, 0.07, 0.02), (0.215, 0.53, 0.09, -0.03), (0.195, 0.46, 0.11, -0.01),
                (-0.18, 0.44, 0.07, 0.02), (0.15, 0.43, 0.13, 0.03), (-0.13, 0.43, 0.08, 0.01),
                (-0.085, 0.41, 0.08, 0.02), (-0.025, 0.43, 0.11, 0.03), (0.06, 0.445, 0.13, 0.04)),
        sides=(([(-0.205, 0.36), (-0.232, 0.46), (-0.222, 0.54), (-0.205, 0.6)], 0.055),),
        back=SHORT_BACK,
        behind=(([(-0.18, 0.5), (-0.2, 0.62), (-0.18, 0.7), (-0.18, 0.76)], 0.065),),
        top=((-106, 0.016), (112, 0.024), (-86, 0.02), (96, 0.034), (-64, 0.022), (80, 0.03), (-45, 0.02), (62, 0.036),
             (-26, 0.01), (42, 0.03), (24, 0.018), (-8, 0.004), (8, 0.006)),
        ears=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What one face looks like; lengths are shares of the picture's side."""

    name: str
    style: str
    hair: Colour
    eyes: Colour
    skin: Colour = (255, 232, 216)
    backdrop: str = "bokeh"  # bokeh, sky or window
    colours: tuple[Colour, Colour] = ((206, 220, 238), (240, 236, 236))  # of the backdrop, above and below
    clothes: str = "shirt"  # shirt, sailor, hood, collar (a high one) or blazer
    cloth: Colour = (70, 80, 120)
    trim: Colour = (176, 60, 70)
    eye_height: float = 0.098
    man: float = 0.0  # 1 has a man's jaw, neck, lids and brows
    chin: float = 0.87  # where the face ends
    smile: float = 0.5  # of the mouth's corners; negative: they fall
    opened: float = 0.0  # how far the mouth is
    brow: float = 0.0  # inner ends up: worried; negative: resolute
    gaze: Point = (0.0, 0.0)
    tilt: float = 0.0  # degrees, clockwise
    turn: float = 0.0  # how far the middle of the face moves to the right


LOOKS = (
    Look("aoi", "straight", (72, 96, 160), (64, 122, 208), backdrop="sky", colours=((120, 172, 226), (220, 236, 246)),
         clothes="sailor", cloth=(240, 240, 246), trim=(62, 82, 142), turn=-0.012),
    Look("hana", "wavy", (232, 156, 172), (178, 82, 122), colours=((250, 214, 206), (252, 238, 226)),
         clothes="collar", cloth=(250, 244, 238), trim=(206, 120, 140), opened=0.55, smile=0.9, turn=0.016,
         tilt=3),
    Look("kuro", "short", (58, 54, 66), (112, 84, 74), skin=(250, 224, 204), backdrop="window",
         colours=((150, 172, 176), (206, 212, 204)), clothes="blazer", cloth=(58, 62, 80), trim=(150, 52, 60), man=1,
         eye_height=0.066, chin=0.888, smile=-0.05, brow=-0.01, turn=0.018),
    Look("mika", "ponytail", (226, 186, 112), (84, 148, 108), backdrop="sky",
         colours=((140, 190, 214), (244, 236, 214)), clothes="hood", cloth=(176, 74, 78), trim=(246, 240, 232),
         chin=0.862, smile=0.8, turn=-0.02, tilt=-3),
    Look("rin", "side", (142, 74, 58), (176, 112, 52), colours=((226, 178, 132), (250, 226, 190)), clothes="shirt",
         cloth=(244, 240, 234), trim=(64, 104, 96), opened=0.4, smile=0.6, turn=0.014),
    Look("yuki", "parted", (200, 200, 220), (124, 98, 178), skin=(252, 232, 224),
         colours=((66, 72, 116), (132, 126, 170)), clothes="collar", cloth=(74, 70, 108), trim=(214, 206, 226),
         chin=0.878, smile=0.1, brow=0.008, gaze=(0.004, 0)),
    Look("sora", "swept", (122, 88, 64), (104, 80, 56), skin=(246, 214, 188), backdrop="sky",
         colours=((118, 178, 216), (226, 238, 240)), clothes="hood", cloth=(222, 178, 92), trim=(250, 244, 232),
         man=0.85, eye_height=0.07, chin=0.885, smile=0.7, turn=-0.02, tilt=2.5),
    Look("midori", "bob", (74, 112, 100), (158, 98, 62), backdrop="window", colours=((214, 190, 196), (240, 226, 222)),
         clothes="shirt", cloth=(236, 232, 226), trim=(98, 66, 104), smile=0.45, turn=0.012, gaze=(-0.003, 0)),
)  # fmt: skip
