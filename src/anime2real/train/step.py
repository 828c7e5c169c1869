"""One training iteration on the device: gather, augment, step, average; on a GPU captured once as a CUDA graph.

Everything that changes from step to step enters through a few small fixed tensors, so that a replay of the captured
graph is a whole iteration: no Python, no kernel launches, no reads by the host.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anime2real.train.accelerated import fused_functions
from anime2real.train.batch import Augment, Batch
from anime2real.train.joined_batch import JoinedGradients, world_size
from anime2real.train.method import Method
from anime2real.train.networks.tilt import mirrored
from anime2real.train.random_numbers import COLUMNS, RandomNumbers
from anime2real.train.sampler import BatchIndices

GRAPH_WARMUPS = 3

SIDE_STREAMS = 15
"""CUDA streams beside the main one, for pieces of work that do not wait for each other."""

EDGE = 0.985
"""Places of a file, in [-1, 1], from which on a crop does not count as showing it: resampling blurs the edge."""


@dataclass(frozen=True)
class Speed:
    """What makes a step fast; each is gated by `parity.preflight`.

    Attributes:
        bf16: forward passes in mixed precision.
        fused: networks computed by their fused forms, where they have one, with Triton kernels of our own.
        graph: the whole iteration captured as a CUDA graph.
        streams: independent networks side by side on CUDA streams of their own.
        channels_last: NHWC in memory, which the convolutions of recent GPUs want.
        early: processes that train together send each other large gradients while the backward pass goes on; not among
            the best before `benchmarks/scaling.py --speed early` has seen GPUs gain by it.
    """

    bf16: bool = False
    fused: bool = False
    graph: bool = False
    streams: bool = False
    channels_last: bool = False
    early: bool = False

    @classmethod
    def best(cls, device: torch.device) -> "Speed":
        """Everything on a CUDA device; nothing elsewhere, where results then repeat bit for bit."""
        on = device.type == "cuda"
        fused = on and find_spec("triton") is not None
        return cls(bf16=on, fused=fused, graph=on, streams=on, channels_last=on)


class TrainingStep:
    """Runs iterations of a method.

    Args:
        method: on its device, its optimizers made, its average started.
        pictures: (P, S, S, 3) uint8 on the device: the whole pack.
        batch_size: N, of this process.
        speed: which of the means above to use.
        landmarks: (P, 5, 2) in [-1, 1] on the device, for methods that want them.
        hair: (P, S, S) uint8 on the device, for methods that want it.
        soft: (P,) bool on the device, pictures softer than the method asks the real set to be, for those with a
            `soft_scale`.
        who: (P, 2), with expressions (P, 6), on the device, for methods that want it.
        frames: (P, 2, 3) on the device, from places of the crop to places of its file, both in [-1, 1], for methods
            that want them.
    """

    def __init__(
        self,
        method: Method,
        pictures: Tensor,
        batch_size: int,
        speed: Speed,
        landmarks: Tensor | None = None,
        hair: Tensor | None = None,
        soft: Tensor | None = None,
        who: Tensor | None = None,
        frames: Tensor | None = None,
    ) -> None:
        self.method = method
        self.pictures = pictures
        self.landmarks = landmarks if method.wants_landmarks else None
        self.hair = hair if method.wants_hair else None
        self.soft = soft if method.soft_scale else None
        self.who = who if method.wants_who else None
        self.frames = frames if method.wants_frames else None
        self.speed = speed
        device = pictures.device
        parts = 2 if method.wants_real_set else 1
        self._rows = torch.zeros(parts, 2, batch_size, dtype=torch.int64, device=device)
        self._uniforms = torch.zeros(parts, batch_size, COLUMNS, device=device)
        self._average_weights = torch.zeros(1 + method.further_emas, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._losses: dict[str, Tensor] = {}
        method.precision = torch.bfloat16 if speed.bf16 else torch.float32
        if speed.channels_last:
            _lay_channels_last(method)
        _lay_moments(method)
        if speed.fused:
            method.accelerate()
        if world_size() > 1:
            for optimizer in method.optimizers.values():
                JoinedGradients(optimizer, early=speed.early)
        if speed.streams and device.type == "cuda":
            method.side_streams = [torch.cuda.Stream(device) for _ in range(SIDE_STREAMS)]

    def step(self, draw: BatchIndices, learning_rate: float, average_weights: Sequence[float]) -> dict[str, Tensor]:
        """One iteration; returns detached scalar losses, overwritten by the next one where a graph is used.

        Args:
            draw: the data.
            learning_rate: of this step.
            average_weights: 1 - beta of each running average.
        """
        draws = [draw] if draw.real_set is None else [draw, draw.real_set]
        rows = torch.from_numpy(np.stack([[part.anime, part.real] for part in draws]))
        uniforms = torch.from_numpy(np.stack([part.numbers for part in draws]))
        if self.pictures.is_cuda:
            rows, uniforms = rows.pin_memory(), uniforms.pin_memory()
        self._rows.copy_(rows, non_blocking=True)
        self._uniforms.copy_(uniforms, non_blocking=True)
        for place, weight in enumerate(average_weights):
            self._average_weights[place].fill_(weight)
        for optimizer in self.method.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"].fill_(learning_rate)
        if not self.speed.graph:
            return self._body()
        if self._graph is None:
            self._capture()
        assert self._graph is not None
        self._graph.replay()
        return self._losses

    def renew(self) -> None:
        """Capture anew at the next step, which computes something else than those before."""
        if self._graph is not None:
            torch.cuda.synchronize()
            self._graph, self._losses = None, {}

    def _body(self) -> dict[str, Tensor]:
        batch = self._batch(self._rows[0], self._uniforms[0])
        if len(self._rows) > 1:
            real_set = self._batch(self._rows[1], self._uniforms[1])
            if self.soft is not None:
                anime_soft, real_soft = self.soft[self._rows[1]]
                real_set = replace(real_set, anime_soft=anime_soft, real_soft=real_soft)
            batch = replace(batch, real_set=real_set)
        with fused_functions(self.speed.fused):
            losses = self.method.step(batch)
        self.method.update_average(self._average_weights)
        return losses

    def _batch(self, rows: Tensor, uniforms: Tensor) -> Batch:
        """Pictures of rows (2, N), augmented by numbers (N, COLUMNS)."""
        numbers = RandomNumbers(uniforms)
        anime, anime_landmarks, anime_hair = self._load(rows[0], numbers.anime_crop)
        real_crop = numbers.anime_crop if self.method.augment.shared else numbers.real_crop
        real, real_landmarks, real_hair = self._load(rows[1], real_crop)
        batch = Batch(anime, real, numbers, anime_landmarks, real_landmarks, anime_hair, real_hair)
        if self.who is not None:
            batch = replace(batch, anime_who=self.who[rows[0]], real_who=self.who[rows[1]])
        if self.frames is not None:
            augment, shape = self.method.augment, list(anime.shape)
            anime_known = inside(self.frames[rows[0]], numbers.anime_crop, augment, shape)
            real_known = inside(self.frames[rows[1]], real_crop, augment, shape)
            batch = replace(batch, anime_known=anime_known, real_known=real_known)
        return batch

    def _load(self, rows: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Pictures (N, 3, S, S) in [-1, 1], augmented by uniforms (N, CROP), their landmarks and hair."""
        image = self.pictures[rows].permute(0, 3, 1, 2).float() / 127.5 - 1.0
        if self.hair is not None:  # a fourth channel, so that it is augmented as the picture is
            image = torch.cat([image, self.hair[rows, None].float() / 255.0], 1)
        landmarks = None if self.landmarks is None else self.landmarks[rows]
        augment = self.method.augment
        if augment.zoom > 0 or augment.turn > 0:
            image = cropped(image, uniforms, augment)
        elif augment.flip:
            image = torch.where(uniforms[:, 0, None, None, None] < 0.5, image.flip(3), image)
        if landmarks is not None:
            landmarks = moved(landmarks, uniforms, augment)
        layout = torch.channels_last if self.speed.channels_last else torch.contiguous_format
        mask = None if self.hair is None else image[:, 3:].clamp_min(0.0).contiguous()
        return image[:, :3].contiguous(memory_format=layout), landmarks, mask

    def _capture(self) -> None:
        """Capture `_body`. The warm-up iterations that CUDA wants are undone, so capturing changes nothing."""
        before = {key: value.clone() for key, value in self.method.state_dict().items()}
        moments = [
            {p: {k: v.clone() for k, v in s.items()} for p, s in optimizer.state.items()}
            for optimizer in self.method.optimizers.values()
        ]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(GRAPH_WARMUPS):
                self._body()
        torch.cuda.current_stream().wait_stream(stream)
        for key, value in self.method.state_dict().items():
            value.copy_(before[key])
        for optimizer, old in zip(self.method.optimizers.values(), moments, strict=True):
            for parameter, state in optimizer.state.items():
                for key, value in state.items():
                    if parameter in old:
                        value.copy_(old[parameter][key])
                    else:
                        value.zero_()
        self._graph = torch.cuda.CUDAGraph()
        # Other threads look after NCCL's communicators meanwhile, or pin the pictures of the next steps.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._losses = self._body()


def _lay_channels_last(method: Method) -> None:
    for tensor in (*method.parameters(), *method.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)


def _lay_moments(method: Method) -> None:
    """Lay out the optimizers' moments as their parameters are, which fused Adam wants.

    A checkpoint brings them as the session that wrote it had them.
    """
    for optimizer in method.optimizers.values():
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                if value.shape == parameter.shape and value.stride() != parameter.stride():
                    state[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def cropped(image: Tensor, uniforms: Tensor, augment: Augment) -> Tensor:
    """Crop a square of side 1 - zoom to 1 at a random place, turned, back at the full size; mirror half of them.

    Without a turn the square never leaves the picture, so no border is invented, and those that are shown whole keep
    every pixel. Bicubic, since discriminators learn from these crops how sharp a picture is: bilinear ones have two
    thirds of its detail.

    Args:
        image: (N, C, S, S) in [-1, 1], as is the result.
        uniforms: (N, CROP) in [0, 1): mirror, side, horizontal place, vertical place, turn.
        augment: how far each may go.
    """
    grid = _places(uniforms, augment, list(image.shape))
    return F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False).clamp(-1.0, 1.0)


def inside(frames: Tensor, uniforms: Tensor, augment: Augment, shape: list[int]) -> Tensor:
    """Where the pictures that `cropped` makes show what their files do: (N, 1, S, S), 1 or 0.

    Args:
        frames: (N, 2, 3), from places of the crop to places of its file, both in [-1, 1].
        uniforms, augment: as of `cropped`.
        shape: of the pictures, (N, 3, S, S).
    """
    grid = _places(uniforms, augment, shape)
    places = torch.einsum("nij,nhwj->nhwi", frames[:, :, :2], grid) + frames[:, None, None, :, 2]
    return (places.abs().amax(3) <= EDGE).float()[:, None]


def _places(uniforms: Tensor, augment: Augment, shape: list[int]) -> Tensor:
    """The places (N, S, S, 2) in [-1, 1] that the pixels of `cropped`'s pictures are taken from."""
    side, middle, cos, sin = _square(uniforms, augment)
    mirror = torch.where(uniforms[:, 0] < 0.5, -1.0, 1.0) if augment.flip else torch.ones_like(side)
    rows = [
        torch.stack([side * mirror * cos, side * sin, middle[:, 0]], 1),
        torch.stack([-side * mirror * sin, side * cos, middle[:, 1]], 1),
    ]
    return F.affine_grid(torch.stack(rows, 1), shape, align_corners=False)


def moved(landmarks: Tensor, uniforms: Tensor, augment: Augment) -> Tensor:
    """Landmarks (N, 5, 2) in [-1, 1] of the pictures that `cropped` makes; arguments as there."""
    side, middle, cos, sin = (t[:, None] for t in _square(uniforms, augment))
    x, y = ((landmarks - middle) / side[..., None]).unbind(-1)
    placed = torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1)
    return torch.where(uniforms[:, 0, None, None] < 0.5, mirrored(placed), placed) if augment.flip else placed


def _square(uniforms: Tensor, augment: Augment) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where the crop lies: half its side (N,), its middle (N, 2), and the cosine and sine by which it is turned."""
    side = 1.0 - augment.zoom * ((uniforms[:, 1] - augment.uncropped) / (1.0 - augment.uncropped)).clamp(min=0.0)
    middle = (1.0 - side)[:, None] * (2.0 * uniforms[:, 2:4] - 1.0)
    angle = augment.turn * (2.0 * uniforms[:, 4] - 1.0)
    return side, middle, torch.cos(angle), torch.sin(angle)
