"""Tiny translators for tests, made with onnx alone: pictures go in, and something exactly known comes out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from anime2real.bundle.format import Bundle
from anime2real.bundle.save import save
from anime2real.domain import Domain

PX = 16


def model(
    px: int = PX,
    *,
    add: float = 0.0,
    scale: float = 1.0,
    half: bool = False,
    inputs: tuple[str, ...] = ("image",),
    batch: int | str = "N",
) -> bytes:
    """An ONNX file: image * scale + add, (N, 3, S, S) to the same.

    Args:
        px: S.
        add, scale: what it does, in [-1, 1].
        half: the addend as a (1, 3, S, S) weight in fp16 behind a Cast, as exported bundles store theirs.
        inputs: names of its inputs; only the first is used.
        batch: N, or a number for a batch of a fixed size.
    """
    addend = np.full((1, 3, px, px) if half else (1,), add, np.float16 if half else np.float32)
    weights = [
        numpy_helper.from_array(addend, "stored"),
        numpy_helper.from_array(np.array([scale], np.float32), "scale"),
    ]
    values = [_value(name, batch, 3, px, px) for name in inputs]
    nodes = [
        helper.make_node("Cast", ["stored"], ["addend"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [inputs[0], "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "addend"], ["translated"]),
    ]
    return _file(nodes, values, weights)


def ship_only(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the bundles in a folder be all that are installed."""
    patch.setattr("anime2real.bundle.format.CORE", folder)
    patch.setattr("anime2real.bundle.registry.bundle_folders", lambda: {"anime2real": folder})


def write_bundle(
    folder: Path,
    content: bytes | None = None,
    *,
    method: str = "cyclegan",
    source: Domain = "anime",
    target: Domain = "real",
    px: int = PX,
    figures: Mapping[str, Any] | None = None,
    conditions: tuple[str, ...] = (),
    ages: tuple[float, float] | None = None,
    classes: tuple[str, ...] = (),
    redrawn_by: str | None = None,
    keeps_colours: bool = False,
) -> Bundle:
    """A whole bundle; its model gives back what goes in, unless `content` is another.

    `classes` are those of the label maps that it takes, if it does.
    `keeps_colours` says that results get their inputs' colours.
    `redrawn_by` names the bundle beside it that draws its results once more.
    `ages` are those that a bundle with the condition `who` draws; all that can be asked for if None.
    """
    training: dict[str, Any] = {"minutes": 1.5, "pairs": 1000}
    training |= ({} if ages is None else {"ages": list(ages)}) | ({"classes": list(classes)} if classes else {})
    training |= {} if redrawn_by is None else {"redrawn_by": redrawn_by}
    training |= {"keeps_colours": True} if keeps_colours else {}
    bundle = Bundle(
        method, source, target, px, licence="CC0-1.0", rights="none needed", conditions=conditions,
        training=training, figures=dict(figures or {}), hardware="none",
    )  # fmt: skip
    return save(bundle, model(px) if content is None else content, "# A test\n", folder)


def who_model(px: int = PX) -> bytes:
    """An ONNX file: image · 0 + sex in red, age / 100 in green, -1 in blue, (N, 3, S, S) and (N, 2) to (N, 3, S, S)."""
    weights = [
        numpy_helper.from_array(np.array([[1, 0, 0], [0, 1, 0]], np.float32), "channels"),
        numpy_helper.from_array(np.array([[0, 0, -1]], np.float32), "rest"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
    ]
    values = [_value("image", "N", 3, px, px), _value("who", "N", 2)]
    nodes = [
        helper.make_node("MatMul", ["who", "channels"], ["told"]),
        helper.make_node("Add", ["told", "rest"], ["colours"]),
        helper.make_node("Unsqueeze", ["colours", "axes"], ["flat"]),
        helper.make_node("Mul", ["image", "nothing"], ["black"]),
        helper.make_node("Add", ["black", "flat"], ["translated"]),
    ]
    return _file(nodes, values, weights)


def styled_model(px: int = PX) -> bytes:
    """An ONNX file: image + 0.1 · the style's first number, (N, 3, S, S) and (N, 8) to (N, 3, S, S)."""
    first = np.zeros((8, 1), np.float32)
    first[0] = 0.1
    weights = [numpy_helper.from_array(first, "first"), numpy_helper.from_array(np.array([2, 3], np.int64), "axes")]
    values = [_value("image", "N", 3, px, px), _value("style", "N", 8)]
    nodes = [
        helper.make_node("MatMul", ["style", "first"], ["shift"]),
        helper.make_node("Unsqueeze", ["shift", "axes"], ["addend"]),
        helper.make_node("Add", ["image", "addend"], ["translated"]),
    ]
    return _file(nodes, values, weights)


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _file(nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], weights: list[onnx.TensorProto]) -> bytes:
    """A graph whose output `translated` is of the shape of its first input."""
    shape = [size.dim_param or size.dim_value for size in inputs[0].type.tensor_type.shape.dim]
    graph = helper.make_graph(nodes, "tiny", inputs, [_value("translated", *shape)], weights)
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(file)
    return bytes(file.SerializeToString())
