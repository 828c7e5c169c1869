"""Where the kernels of `picture_kernels.py` find what they read and write; its head explains the names."""

import triton
import triton.language as tl


@triton.jit
def source_of(n, h, w, C: tl.constexpr, H: tl.constexpr, W: tl.constexpr, LAYOUT: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where channel 0 of pixel (h, w) lies in the input."""
    if LAYOUT == 0:
        return ((n * H + h) * W + w) * C
    phase = (h % 2) * 2 + w % 2
    if LAYOUT == 1:
        return ((n * (H // 2) + h // 2) * (W // 2) + w // 2) * (4 * C) + phase * C
    row, column = h // 2 + h % 2, w // 2 + w % 2
    return ((n * (H // 2 + 1) + row) * (W // 2 + 1) + column) * (4 * C) + phase * C


@triton.jit
def target_of(n, h, w, C: tl.constexpr, HP: tl.constexpr, WP: tl.constexpr, B: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where channel 0 of padded pixel (h, w) lies in the output."""
    return ((n * (HP // B) + h // B) * (WP // B) + w // B) * (B * B * C) + ((h % B) * B + w % B) * C


@triton.jit
def reflection_of(place, PAD: tl.constexpr, SIDE: tl.constexpr, EDGE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Where a row or column is seen again in the padding, and whether it is at all."""
    if EDGE:
        return tl.where(place == 0, 0, SIDE + 1), (place == 0) | (place == SIDE - 1)
    before = (place >= 1) & (place <= PAD)
    after = (place >= SIDE - 1 - PAD) & (place <= SIDE - 2)
    return tl.where(before, PAD - place, PAD + 2 * (SIDE - 1) - place), before | after


@triton.jit
def pixels_of_part(part, start, H: tl.constexpr, W: tl.constexpr, SPLITS: tl.constexpr, ROWS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows and columns of ROWS pixels of a part of a picture, from its pixel `start` on, and which lie inside it."""
    share: tl.constexpr = (H * W + SPLITS - 1) // SPLITS
    place = start + tl.arange(0, ROWS)
    p = part * share + place
    return p // W, p % W, (place < share) & (p < H * W)


@triton.jit
def sums_of_parts(partial, n, c, C: tl.constexpr, SPLITS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The two sums that the programs of the first stage left."""
    s = tl.arange(0, SPLITS)
    places = partial + ((n * SPLITS + s) * 2 * C)[:, None] + c[None, :]
    return tl.sum(tl.load(places), 0), tl.sum(tl.load(places + C), 0)


@triton.jit
def share_of_program(C: tl.constexpr, STAGE: tl.constexpr, SPLITS: tl.constexpr, CHANNELS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The picture, the part of it and the channels that are a program's; channels beside each other run together.

    The second stage starts where the first one ended: what that read last still lies in the cache.
    """
    groups: tl.constexpr = C // CHANNELS
    place = tl.program_id(0)
    if STAGE == 2:
        place = tl.num_programs(0) - 1 - place
    rest = place // groups
    return rest // SPLITS, rest % SPLITS, (place % groups) * CHANNELS + tl.arange(0, CHANNELS)
