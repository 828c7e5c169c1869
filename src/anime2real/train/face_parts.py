"""Parts of faces cut out by the landmarks: what a discriminator sees from near, and a face lined up.

A discriminator of the whole face spends little on twenty pixels of an eye. In crops along the eye line and the line of
the mouth they fill the picture, wherever the face lies and however it leans.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.face.geometry import TEMPLATE
from anime2real.face.who import LABEL_CROP
from anime2real.train.joined_batch import places
from anime2real.train.losses.who import opposite

HEIGHT: Final = 32
WIDTH: Final = 64

DETAILS: Final = {"eyes": (0, 1, 2.0), "mouth": (3, 4, 1.4)}
"""The landmarks in whose middle each lies and along whose line it is turned, and its width in eye distances."""


_EXPRESSIONS: Final = {"eyes": (4, 5), "mouth": (2, 3)}
"""The columns of labels (see `losses/who.py`) that concern each: eyes open and glasses, mouth open and smile."""


def beside_expression(name: str, near: Tensor, who: Tensor, wrong: Tensor | None) -> Tensor:
    """Details with what their labels say of them in two more channels.

    Args:
        name: of `DETAILS`.
        near: (N, 3, H, W), cut out.
        who: (N, 6), their labels.
        wrong: (M, 6), wrong labels of the first M pictures, whose details then follow once more beside what is wrong of
            them: of every other one the first column, else the second, turned around.

    Returns:
        (N + M, 5, H, W).
    """
    columns = _EXPRESSIONS[name]
    labels = who[:, columns[0] : columns[1] + 1]
    if wrong is not None:
        count = len(wrong)
        first = (places(count, who.device) % 2 == 0)[:, None]
        turned = torch.where(torch.cat([first, ~first], 1), opposite(labels[:count]), labels[:count])
        near, labels = torch.cat([near, near[:count]]), torch.cat([labels, turned])
    planes = labels[:, :, None, None].to(near.dtype).expand(-1, -1, *near.shape[2:])
    return torch.cat([near, planes], 1)


def detail(name: str, image: Tensor, landmarks: Tensor) -> Tensor:
    """Cut a detail out of each picture; what lies beyond the picture is its mirror image.

    Args:
        name: of `DETAILS`.
        image: (N, C, S, S).
        landmarks: (N, 5, 2) in [-1, 1] of the same pictures.

    Returns:
        (N, C, `HEIGHT`, `WIDTH`), differentiable by the image, in its precision.
    """
    left, right, reach = DETAILS[name]
    landmarks = landmarks.float()
    eyes = (landmarks[:, 1] - landmarks[:, 0]).norm(dim=1)
    along = landmarks[:, right] - landmarks[:, left]
    along = along / along.norm(dim=1, keepdim=True).clamp_min(1e-6)
    middle = (landmarks[:, left] + landmarks[:, right]) / 2
    x = along * (reach / 2 * eyes)[:, None]
    down = torch.stack([-x[:, 1], x[:, 0]], dim=1) * (HEIGHT / WIDTH)
    theta = torch.stack([x, down, middle], dim=2)
    # In bf16 a place would be half a pixel off.
    with torch.autocast(image.device.type, enabled=False):
        grid = F.affine_grid(theta, [len(image), image.shape[1], HEIGHT, WIDTH], align_corners=False)
        cut = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return cut.to(image.dtype)


# Python's numbers: tensors made of the host's cannot be captured in a graph.
_TEMPLATE: Final = (2 * TEMPLATE - 1).tolist()


def lined_up(image: Tensor, landmarks: Tensor, side: int = LABEL_CROP, shift: Tensor | None = None) -> Tensor:
    """Faces lined up as `face.geometry.to_template` does; what lies beyond a picture is its repeated edge.

    Args:
        image: (N, C, S, S).
        landmarks: (N, 5, 2) in [-1, 1] of the same pictures.
        side: px of the result.
        shift: (N, 2), by which what is seen is moved, in halves of the side.

    Returns:
        (N, C, side, side), differentiable by the image, in its precision.
    """
    with torch.autocast(image.device.type, enabled=False):
        points = landmarks.detach().float()
        across = points[:, 1] - points[:, 0]
        cos, sin = (across / across.norm(dim=1, keepdim=True).clamp_min(1e-6)).unbind(1)
        turned = torch.stack(_turned(cos[:, None], -sin[:, None], *points.unbind(2)), 2)
        wanted = torch.stack([torch.cat([turned.new_full((1,), v) for v in place]) for place in _TEMPLATE])
        middle = turned.mean(1)
        centred, target = turned - middle[:, None], wanted - wanted.mean(0)
        scale = (centred.square().sum((1, 2)) / (centred * target).sum((1, 2)).clamp_min(1e-6)).clamp(0.1, 10.0)
        # A place q of the result shows turned = middle + scale · (q - the template's middle).
        origin = middle - scale[:, None] * wanted.mean(0)
        if shift is not None:
            origin = origin + scale[:, None] * shift
        theta = torch.stack(
            [
                torch.stack([scale * cos, scale * sin], 1),
                torch.stack([-scale * sin, scale * cos], 1),
                torch.stack(_turned(cos, sin, *origin.unbind(1)), 1),
            ],
            dim=2,
        )
        reduction = max(1, image.shape[-1] // (side + side // 8))
        picture = F.avg_pool2d(image.float(), reduction) if reduction > 1 else image.float()
        grid = F.affine_grid(theta, [len(image), image.shape[1], side, side], align_corners=False)
        return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False).to(image.dtype)


def _turned(cos: Tensor, sin: Tensor, x: Tensor, y: Tensor) -> list[Tensor]:
    """x and y turned by an angle, positive clockwise on screen."""
    return [cos * x - sin * y, sin * x + cos * y]
