"""Teaches the landmark network which of the places that the detector proposes show no face, and writes its ONNX file.

    python research/false_faces/train_verdict.py --data DATA --photos FOLDER -o landmarks.onnx

DATA holds the archives of pictures with faces, of which `train/` is used; FOLDER the packages of pictures.csv,
unpacked. Nobody labels anything: the finder says where the faces of the former are, and whatever the detector proposes
in the latter is none. What learns is the last layer alone, from the waist of the network to the score of a face, by
logistic regression: landmarks and domains stay as they are, to the last bit. Near faces it is to say what it said,
and `SURE` where that was less. The same seed makes the same file. The last line is JSON.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image
from views import WAYS, Grounds, Square, beside, candidates, part_of_a_face, varied
from views import pictures_with_faces as with_faces
from views import pictures_without as without

from anime2real.face import finder
from anime2real.face.geometry import align, around
from anime2real.session import to_float
from anime2real.train.networks.face import WAIST

ARCHIVES = {
    "anime-256.zip": 700, "anime-96.zip": 3900, "selfie-256.zip": 900, "ffhq.zip": 700,
    "celebahq-men-512.zip": 200, "generated-512.zip": 150, "celebamask-256.zip": 150,
}  # fmt: skip
"""How many pictures of each have a face."""

MEASURED = Path(__file__).parents[1] / "close_ups" / "pictures.csv"
"""Names pictures that are measured on."""

FACES, PLACES, PARTS = 14000, 3200, 400
"""How many faces, parts of pictures without one, and parts of faces are looked at."""

OFTEN = 0.09, 0.09, 0.09, 0.73
"""How often faces are shown in each of the ways: those cut tightly are what is lost first."""

SEEN = 0.25
"""Lowest score of the detector; the finder's is higher, and has fewer to learn from."""

SURE = 0.97

DOUBT = 0.2
"""The network is to say at most this of a part of a face: parts grow into faces."""

WEIGHT = 0.5
"""Of what is no face, times the detector's score and the agreement on the place; a face's is 1."""

STAYS = 3e-4
"""How much the weights like to stay as they are."""

Rows = NDArray[np.float64]
"""A place each: weight, what the network said, what is in its waist."""


class Landmarks:
    """The landmark network, its waist included."""

    def __init__(self, model: onnx.ModelProto) -> None:
        (self.last,) = (node for node in model.graph.node if node.op_type == "Gemm")
        (self.first,) = (node for node in model.graph.node if self.last.input[0] in node.output)
        self.model, self.waist = model, self.first.input[0]
        seen = onnx.ModelProto.FromString(model.SerializeToString())
        seen.graph.output.append(onnx.ValueInfoProto(name=self.waist))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(seen.SerializeToString(), options)

    def look(self, image: Image.Image, squares: Sequence[Square]) -> tuple[list[Square], Rows]:
        """The squares of what it finds in squares of a picture, and what is in its waist, weights 1."""
        frames = [around((x, y), max(side, 1e-3), tilt) for x, y, side, tilt in squares]
        crops = np.stack([np.asarray(align(image, frame, finder.CROP, beyond="edge")) for frame in frames])
        points, verdicts, waist = self.session.run(["points", "verdict", self.waist], {"image": to_float(crops)})
        found = [finder.square_of(frame.inverse(p.astype(float))) for frame, p in zip(frames, points, strict=True)]
        flat = waist.reshape(len(waist), -1)
        return found, np.column_stack([np.ones(len(flat)), verdicts[:, 0], flat]).astype(np.float64)

    def no_faces(self, image: Image.Image, find: finder.FaceFinder, random: np.random.Generator, off: float) -> Rows:
        """What it sees where the detector proposes faces, which are none; looking as the finder does, a little off."""
        proposed = candidates(find, image)
        if not proposed:
            return np.zeros((0, 0))
        first = [beside((c.x, c.y, finder.FIRST_LOOK * c.side, 0.0), random, off) for c in proposed]
        second, _ = self.look(image, first)
        third, rows = self.look(image, second)
        agreed = [finder._agreement(*each) for each in zip(proposed, second, third, strict=True)]
        rows[:, 0] = [WEIGHT * c.score * share for c, share in zip(proposed, agreed, strict=True)]
        return rows

    def weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The last layer's (2, C · `WAIST`²), as if it saw each place, and its biases (2,)."""
        stored = {
            tensor.name.removesuffix(".fp16"): numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer
        }
        weights, biases = (stored[name].astype(np.float64) for name in self.last.input[1:])
        places = WAIST**2 if self.first.op_type == "ReduceMean" else 1
        return np.repeat(weights / places, places, 1), biases

    def with_weights(self, weights: NDArray[np.float64], biases: NDArray[np.float64]) -> bytes:
        """The network's file with another last layer, which sees each place of its waist, not their mean."""
        model = onnx.ModelProto.FromString(self.model.SerializeToString())
        graph, flat = model.graph, self.last.input[0]
        replaced = {*self.last.input[1:], *self.first.input[1:]}
        kept = [tensor for tensor in graph.initializer if tensor.name.removesuffix(".fp16") not in replaced]
        nodes = [node for node in graph.node if node != self.first and node.output[0] not in replaced]
        shape = numpy_helper.from_array(np.array([0, -1]), "waist_shape")
        place = next(i for i, node in enumerate(nodes) if node == self.last)
        nodes.insert(place, helper.make_node("Reshape", [self.waist, "waist_shape"], [flat]))
        new = zip(self.last.input[1:], (weights, biases), strict=True)
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.initializer.extend(
            [*kept, shape, *(numpy_helper.from_array(value.astype(np.float32), name) for name, value in new)]
        )
        onnx.checker.check_model(model)
        return model.SerializeToString()


def fitted(rows: Rows, wanted: NDArray[np.float64], weights: Rows, bias: float) -> tuple[NDArray[np.float64], float]:
    """Weights (K,) and bias of the logistic regression of rows on what is wanted of them, near given ones."""
    seen, before = torch.from_numpy(rows[:, 2:]), torch.from_numpy(weights)
    share, target, spread = torch.from_numpy(rows[:, 0]), torch.from_numpy(wanted), seen.std(0) + 0.01
    now = before.clone().requires_grad_()
    level = torch.tensor(bias, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([now, level], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = F.binary_cross_entropy_with_logits(seen @ now + level, target, reduction="none") * share
        total = wrong.mean() + STAYS * (((now - before) * spread) ** 2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    return now.detach().numpy(), float(level.detach())


def main() -> None:
    """Look, learn and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="folder of unpacked packages")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random = np.random.default_rng(options.seed)
    with MEASURED.open(newline="", encoding="utf-8") as file:
        left_out = {f"{row['archive']}/{row['member']}" for row in csv.DictReader(file)}
    shown = [one for name, n in ARCHIVES.items() for one in with_faces(options.data / name, n, left_out, random)]
    grounds = Grounds([image for _, image in without(options.photos, "trained on")], random)
    print(f"{len(shown)} pictures with faces, {len(grounds.sizes)} without", flush=True)
    finder.SEEN = SEEN  # type: ignore[misc]
    find = finder.FaceFinder(threads=1)
    network = Landmarks(onnx.load(finder.MODELS / "landmarks.onnx"))
    faces = []
    for _ in range(FACES):
        image, square = WAYS[int(random.choice(len(WAYS), p=OFTEN))](shown[int(random.integers(len(shown)))], grounds)
        image = varied(image, random) if random.random() < 0.7 else image
        faces.append(network.look(image, [beside(square, random, 0.6)])[1])
    places = []
    for _ in range(PLACES):
        part = grounds.part()
        places += [network.no_faces(part, find, random, off) for off in (0.0, 1.0)]
    parts = []
    for _ in range(PARTS):
        image = part_of_a_face(shown[int(random.integers(len(shown)))], random)
        parts.append(network.no_faces(image, find, random, 0.0))
    is_face, is_none, is_part = (np.concatenate([r for r in rows if len(r)]) for rows in (faces, places, parts))
    is_face = is_face[is_face[:, 1] > finder.IN_RESULT]  # others are hardly seen any more
    print(f"{len(is_face)} faces, {len(is_none)} places without one, {len(is_part)} in parts of faces", flush=True)
    wanted = np.concatenate([np.maximum(is_face[:, 1], SURE), np.zeros(len(is_none)), np.minimum(is_part[:, 1], DOUBT)])
    weights, biases = network.weights()
    weights[0], biases[0] = fitted(np.concatenate([is_face, is_none, is_part]), wanted, weights[0], float(biases[0]))
    options.output.write_bytes(network.with_weights(weights, biases))
    print(json.dumps({"faces": len(is_face), "places": len(is_none), "parts": len(is_part)}))


if __name__ == "__main__":
    main()
