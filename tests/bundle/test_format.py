"""A bundle is read whole or refused in one line; nothing in it is believed, run or followed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tiny
from onnx import TensorProto, helper, numpy_helper

from anime2real.bundle.format import Bundle, BundleError, read
from anime2real.bundle.save import load, save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.write_bundle(tmp_path / "bundle").folder


def edit(folder: Path, **changes: Any) -> None:
    """Change keys of bundle.json; None removes one."""
    path = folder / "bundle.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (card | changes).items() if v is not None}))


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(BundleError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    saved = tiny.write_bundle(
        tmp_path / "a" / "b", method="difference", figures={"kid": 0.5}, source="real", target="anime"
    )
    assert load(tmp_path / "a" / "b") == saved
    assert (saved.method, saved.source, saved.target, saved.px) == ("difference", "real", "anime", tiny.PX)
    assert saved.figures == {"kid": 0.5}
    assert saved.name == "difference-real-to-anime"
    assert saved.size_bytes == len(saved.model()) == (saved.folder / "model.onnx").stat().st_size
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["b"]  # no temporary folder is left
    assert sorted(p.name for p in saved.folder.iterdir()) == ["README.md", "bundle.json", "model.onnx"]


def test_saving_replaces_a_bundle_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    assert tiny.write_bundle(folder, method="autoencoder").method == "autoencoder"
    other = tmp_path / "holiday"
    other.mkdir()
    (other / "photo.jpg").write_text("mine")
    with pytest.raises(BundleError, match="not a bundle"):
        tiny.write_bundle(other)
    assert (other / "photo.jpg").read_text() == "mine"


def test_nothing_is_saved_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="method"):
        tiny.write_bundle(tmp_path / "b", method="../up")
    with pytest.raises(BundleError, match="cannot hold"):
        tiny.write_bundle(tmp_path / "b", figures={"kid": float("nan")})
    with pytest.raises(BundleError, match="no model that a bundle may have"):
        tiny.write_bundle(tmp_path / "b", b"nothing")
    assert not list(tmp_path.iterdir())


def test_missing(tmp_path: Path, folder: Path) -> None:
    refused(tmp_path / "nowhere", "not there")
    refused(tmp_path, "no bundle.json")
    file = tmp_path / "file"
    file.write_text("x")
    refused(file, "not a folder")
    (folder / "model.onnx").unlink()
    refused(folder, "model.onnx is missing")


def test_a_flipped_bit_is_noticed(folder: Path) -> None:
    path = folder / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(folder, "damaged", "SHA-256")
    assert read(folder).method == "cyclegan"  # the manifest alone is whole


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{" + b" " * 2**20 + b"}"])
def test_a_damaged_manifest(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    refused(folder, "bundle.json", "damaged")


@pytest.mark.parametrize("content", ["[]", "null", '"bundle"', '{"name": "somebody else\'s"}'])
def test_a_foreign_manifest(folder: Path, content: str) -> None:
    (folder / "bundle.json").write_text(content)
    refused(folder, "format_version")


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True])
def test_another_format_version(folder: Path, version: Any) -> None:
    edit(folder, format_version=version)
    refused(folder, f"format {version!r}", "update" if version == 2 else "export it again")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "Cycle GAN"), ("method", "../../etc"), ("method", 3), ("from", "A"), ("to", ["real"]),
        ("px", 0), ("px", "128"), ("px", 128.0), ("px", True), ("px", 10**9), ("crop", 1),
        ("conditions", "tilt"), ("conditions", [1]),
        ("licence", {}), ("rights", 1), ("training", []), ("figures", "good"),
        ("hardware", 8), ("sha256", "abc"), ("sha256", "G" * 64), ("from", "real"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(folder: Path, key: str, value: Any) -> None:
    edit(folder, **{key: value})
    refused(folder, f"'{key}'")


@pytest.mark.parametrize("key", ["method", "from", "to", "px", "crop", "conditions", "training", "sha256", "licence"])
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    edit(folder, **{key: None})
    refused(folder, f"'{key}'", "lacks")


def test_an_unknown_key_is_named_with_the_nearest(folder: Path) -> None:
    edit(folder, license="MIT")
    refused(folder, "'license'", "did you mean 'licence'?")


def test_a_model_that_is_a_link_out_of_the_bundle(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.onnx"
    shutil.move(folder / "model.onnx", outside)
    (folder / "model.onnx").symlink_to(outside)
    refused(folder, "link")


def test_a_link_to_a_whole_bundle_is_fine(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert load(tmp_path / "link").method == "cyclegan"


def external(tensor: onnx.TensorProto, location: str) -> onnx.TensorProto:
    """The tensor, its numbers in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def nowhere(kind: str) -> bytes:
    """A model with a tensor in another file, at one of the places where ONNX allows tensors."""
    file = onnx.load_model_from_string(tiny.model())
    secret = external(numpy_helper.from_array(np.zeros(4, np.float32), "secret"), "../../../../etc/passwd")
    if kind == "initializer":
        file.graph.initializer.append(secret)
    elif kind == "constant":
        file.graph.node.append(helper.make_node("Constant", [], ["c"], value=secret))
    elif kind == "branch":
        branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=secret)], "branch", [], [])
        file.graph.node.append(helper.make_node("If", ["image"], ["d"], then_branch=branch, else_branch=branch))
    elif kind == "function":
        constant = helper.make_node("Constant", [], ["c"], value=secret)
        file.functions.append(helper.make_function("ours", "f", [], ["c"], [constant], [helper.make_opsetid("", 18)]))
    elif kind == "sparse":
        sparse = file.graph.sparse_initializer.add()
        sparse.values.CopyFrom(secret)
    return bytes(file.SerializeToString())


@pytest.mark.parametrize("kind", ["initializer", "constant", "branch", "function", "sparse"])
def test_weights_in_other_files_are_refused_wherever_they_hide(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BundleError, match=r"other files|functions|graphs in its graph|sparse"):
        tiny.write_bundle(tmp_path / "b", nowhere(kind))


def test_saving_fills_in_the_sum(tmp_path: Path) -> None:
    saved = save(Bundle("difference", "anime", "real", 16), tiny.model(), "card", tmp_path / "b")
    assert len(saved.sha256) == 64
    assert (tmp_path / "b" / "README.md").read_text() == "card"


def test_of_an_installed_bundle_the_file_is_loaded_once_its_sum_is_checked(tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "b")
    assert read(tmp_path / "b").model_to_load() == read(tmp_path / "b").model()  # a stranger's, which may be changed
    installed = read(tmp_path / "b", installed=True)
    assert installed.model_to_load() == tmp_path / "b" / "model.onnx"
    (tmp_path / "b" / "model.onnx").write_bytes(tiny.model(add=0.5))
    with pytest.raises(BundleError, match="is damaged"):
        installed.model_to_load()
    (tmp_path / "b" / "model.onnx").unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        installed.model_to_load()
