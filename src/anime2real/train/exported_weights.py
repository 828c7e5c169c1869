"""The weights in a bundle's ONNX file, named and laid out as the networks of training have them.

Undoes `export/rewrites.py`: fp16 comes back as fp32, what was laid out for ONNX Runtime as torch has it.
"""

from collections.abc import Mapping
from typing import Final

import onnx
import torch
from torch import Tensor

_OF_PIXELS: Final = ("decoder.block", "decoder.narrow.", "decoder.fine")
"""How the weights are called that a `PixelDecoder` alone has."""

_NORMS: Final = ("decoder.norm1", "decoder.norm2")
_PIXEL_NORMS: Final = (
    *("decoder.norm1", "decoder.block1.norm1", "decoder.block1.norm2"),
    *("decoder.norm2", "decoder.block2.norm1", "decoder.block2.norm2", "decoder.norm3"),
)
"""The decoders' norms in the order in which they are needed."""


def stored_weights(content: bytes) -> dict[str, Tensor]:
    """The floating-point tensors of an ONNX file, fp32, by the names that they had before they were halved."""
    tensors = {}
    for stored in onnx.load_from_string(content).graph.initializer:
        if stored.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
            name = stored.name.removesuffix(".fp16").removeprefix("network.")
            tensors[name] = torch.from_numpy(onnx.numpy_helper.to_array(stored).copy()).float()
    return tensors


def unshuffle_of(named: Mapping[str, Tensor]) -> int:
    """By how much the network that they are of reduces its pictures first."""
    stem = named.get("encoder.stem.convolution.weight")
    return 1 if stem is None else max(1, round((stem.shape[1] / 3) ** 0.5))


def state_of(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as the generators name and lay them out; undoes `export.rewrites.rewritten`."""
    state = _of_attention(named)
    with_attention, of_pixels = bool(state), "decoder.narrow.weight" in named
    for name, value in named.items():
        parts = name.split(".")
        own_head = of_pixels and name in ("decoder.head.weight", "decoder.head.bias")  # no `WideConvolution` there
        if own_head or (name.startswith("encoder.") and name.endswith(".weight")):
            state[name] = value
        elif name in ("decoder.up1.weight", "decoder.up2.weight"):
            state[f"decoder.{parts[1]}.convolution.weight"] = value
        elif name.startswith(("decoder.head.convolution.", *_OF_PIXELS)):
            state[name] = value
        elif name == "decoder.head.weight":
            state["decoder.head.convolution.weight"] = value
        elif name.startswith("blocks.kernels."):  # (9, C, D) to (D, C, 3, 3)
            place = int(parts[2])
            half = "second" if place % 2 else "first"
            state[f"blocks.{place // 2}.{half}.weight"] = value.unflatten(0, (3, 3)).permute(3, 2, 0, 1).contiguous()
        elif name.startswith("blocks.modulate."):
            state[f"blocks.{parts[2]}.modulate.{parts[3]}"] = value
        elif name.startswith(("attention.", "modulation.", "adaptive_blocks.")):
            state[name] = value
        elif (head := _first_place(value)) is not None:
            state["decoder.head.convolution.weight"] = head
        elif _a_channel(value) and not with_attention:
            state["decoder.head.convolution.bias"] = value.flatten()
    return state


def _of_attention(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """U-GAT-IT's weights of one number a channel, which the exporter lays out as (1, C, 1, 1) and calls anything.

    They come in the order in which they are needed: the classifiers' two, then for each norm rho and 1 - rho, and
    behind those of the decoder gamma and beta. Empty for another network.
    """
    if "attention.mix.weight" not in named:
        return {}
    values = iter([value.flatten() for value in named.values() if _a_channel(value)])
    blocks = sum(name.startswith("adaptive_blocks.") and name.endswith(".first.weight") for name in named)
    state = {f"attention.{which}.weight": next(values, torch.empty(0))[None] for which in ("average", "maximum")}
    norms = [f"adaptive_blocks.{block}.norm{half}" for block in range(blocks) for half in (1, 2)]
    for norm in (*norms, *(_PIXEL_NORMS if "decoder.narrow.weight" in named else _NORMS)):
        state[f"{norm}.rho"] = next(values, torch.empty(0))
        next(values, None)
        if norm.startswith("decoder."):
            state |= {f"{norm}.{name}": next(values, torch.empty(0)) for name in ("gamma", "beta")}
    return state


def _a_channel(value: Tensor) -> bool:
    return value.ndim == 4 and value.shape[0] == value.shape[2] == value.shape[3] == 1


def _first_place(value: Tensor) -> Tensor | None:
    """The 7×7 kernel (3, C, 7, 7) in what `BlockedConvolution` makes of it for its first pixel; None for all else."""
    kernel = value[:, 0] if value.ndim == 5 else value
    if kernel.ndim != 4 or kernel.shape[2:] != (8, 8) or kernel[:, :, 7].any() or kernel[:, :, :, 7].any():
        return None
    return kernel[:, :, :7, :7].contiguous()
