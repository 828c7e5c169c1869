"""Trains the label network: who a face is and what it does, drawn or photographed, from its lined-up crop.

    python research/labels/train_labels.py CACHE -o src/anime2real/face/models/labels.onnx

CACHE holds crops.py's crops of drawings, drawings.py's faces, and label_photographs.py's crops of photographs; labels
are drawings.csv and photographs.csv beside this script. The trunk is EfficientNet-lite0 up to stride 16 with its
ImageNet weights, frozen: its features of every crop, as it is, mirrored and spoilt (moved, tight, sharp, small, soft,
grey, JPEG), are computed once. What learns are two heads, alike but for chance, for both domains; the network means
them over a picture and its mirror image. It takes `image` (N, 3, 112, 112) in [-1, 1] and gives `labels` (N, 6): sex
from -1 (woman) to 1 (man), age in years, and the probabilities of an open mouth, a smile, open eyes and glasses. 300 of
each domain, chosen by hash, are held back, and 60 each of the men and women among the drawings that were sought out
for men; their errors are printed last, as JSON.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from label_data import NAMES, SIDE, drawings, photographs, spoilt
from numpy.typing import NDArray
from torch import Tensor, nn

from anime2real.train.export.to_onnx import small_onnx
from anime2real.train.networks.efficientnet import LiteFeatures

HEADS = 2
VERSIONS = ("as it is", "mirrored", "spoilt", "spoilt")
MOUTH_SHIFT = -0.3
"""On the score of open mouths: training sees more of them than there are, and so says open too often."""

WEIGHT = {"sex": 2.0, "age": 0.8, "mouth_open": 1.5, "smile": 0.8, "eyes_open": 1.0, "glasses": 1.0}


class Trunk(nn.Module):
    """EfficientNet-lite0 up to stride 16: (N, 3, 112, 112) in [-1, 1] to (N, 152, 7, 7)."""

    def __init__(self) -> None:
        super().__init__()
        lite = LiteFeatures()
        self.stem, self.blocks = lite.stem, lite.blocks[:11]
        for module in self.modules():  # so that the export stores them as weights
            module._non_persistent_buffers_set.clear()

    def forward(self, image: Tensor) -> Tensor:
        """Features at stride 16, and those at stride 8 averaged to the same places."""
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
            if x.shape[1] == 40:
                middle = x
        return torch.cat([F.avg_pool2d(middle, 2), x], 1)


class Head(nn.Module):
    """(N, 152, 7, 7) to six numbers, before their last functions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(152)
        self.mix = nn.Conv2d(152, 56, 1)
        self.hidden = nn.Linear(56 * 49, 96)
        self.out = nn.Linear(96, len(NAMES))

    def forward(self, x: Tensor) -> Tensor:
        """Raw answers."""
        x = F.dropout2d(F.relu(self.mix(self.norm(x))), 0.1, self.training)
        x = F.dropout(F.relu(self.hidden(x.flatten(1))), 0.5, self.training)
        return self.out(x)


class Labels(nn.Module):
    """The whole network: what the heads say of a picture and of its mirror image, in the mean."""

    def __init__(self, trunk: Trunk, heads: nn.ModuleList) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, heads

    def forward(self, image: Tensor) -> Tensor:
        """(N, 6), in the order of NAMES."""
        both = self.trunk(torch.stack([image, image.flip(3)]).flatten(0, 1))  # one trunk in the file: loaded sooner
        return answers(mean_of(self.heads, list(both.unflatten(0, (2, -1)))))


def mean_of(heads: nn.ModuleList, features: list[Tensor]) -> Tensor:
    """Mean raw answers (N, 6)."""
    return torch.stack([head(x) for head in heads for x in features]).mean(0)


def answers(raw: Tensor) -> Tensor:
    """Sex in [-1, 1], age in [18, 80], probabilities."""
    sex = torch.tanh(raw[:, :1] / 2)
    age = 18 + 62 * torch.sigmoid(raw[:, 1:2])
    return torch.cat([sex, age, torch.sigmoid(raw[:, 2:])], 1)


def features(trunk: Any, crops: NDArray[np.uint8], version: str, seed: int) -> NDArray[np.float16]:
    """The trunk's features (N, 152, 7, 7) of a version of crops."""
    found = np.empty((len(crops), 152, 7, 7), np.float16)
    for start in range(0, len(crops), 16):
        part = crops[start : start + 16]
        if version == "mirrored":
            part = part[:, :, ::-1]
        elif version == "spoilt":
            part = np.stack([spoilt(c, np.random.default_rng((seed, start + i))) for i, c in enumerate(part)])
        image = np.ascontiguousarray(part.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
        found[start : start + 16] = trunk.run(None, {"image": image})[0]
    return found


def loss_of(raw: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropies, and of age the absolute error in decades."""
    total = torch.zeros(())
    for k, name in enumerate(NAMES):
        if name == "age":
            each = F.smooth_l1_loss(answers(raw)[:, 1] / 10, targets[:, 1] / 10, reduction="none", beta=0.3)
        else:
            each = F.binary_cross_entropy_with_logits(raw[:, k], targets[:, k], reduction="none")
        total = total + WEIGHT[name] * (each * weights[:, k]).mean()
    return total


def errors(found: NDArray[np.float32], data: dict[str, Any], held: NDArray[np.bool_]) -> dict[str, Any]:
    """How far answers (M, 6) for those held back are from their labels."""
    said, right, weight = found, data["targets"][held], data["weights"][held]
    sure = np.abs(right[:, 0] - 0.5) > 0.25
    result: dict[str, Any] = {"pictures": int(held.sum())}
    man = right[:, 0] > 0.5
    result["sex right"] = _share((said[:, 0] > 0) == man, sure)
    result["men right"] = _share(said[:, 0] > 0, sure & man)
    result["women right"] = _share(said[:, 0] < 0, sure & ~man)
    result["age, mean error in years"] = round(float(np.abs(said[:, 1] - np.maximum(right[:, 1], 18)).mean()), 1)
    for k, name in enumerate(NAMES):
        if name in ("sex", "age"):
            continue
        known = (weight[:, k] > 0) & (np.abs(right[:, k] - 0.5) > 0.2)
        yes = right[:, k] > 0.5
        result[f"{name} right"] = _share((said[:, k] > 0.5) == yes, known)
        result[f"{name} found"] = _share(said[:, k] > 0.5, known & yes)
        result[f"{name} falsely"] = _share(said[:, k] > 0.5, known & ~yes)
    return result


def _share(right: NDArray[np.bool_], of: NDArray[np.bool_]) -> str:
    return f"{int((right & of).sum())} of {int(of.sum())}"


def export(trunk: Trunk, heads: nn.ModuleList, path: Path) -> float:
    """Write the network, its weights in fp16; returns its milliseconds for one face on one core."""
    path.write_bytes(small_onnx(Labels(trunk, heads).eval(), (2, 3, SIDE, SIDE), ["labels"], free=(0,)))
    session, image = _session(path), np.zeros((1, 3, SIDE, SIDE), np.float32)
    times = []
    for _ in range(60):
        start = time.process_time()
        session.run(None, {"image": image})
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--most", type=int, default=3000, help="photographs of an archive at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    trunk = Trunk().eval()
    exported = options.cache / "trunk.onnx"
    torch.onnx.export(
        trunk,
        (torch.zeros(2, 3, SIDE, SIDE),),
        str(exported),
        input_names=["image"],
        output_names=["features"],
        dynamic_axes={"image": {0: "batch"}, "features": {0: "batch"}},
        dynamo=False,
    )
    session = _session(exported)
    sets = {"drawings": drawings(options.cache), "photographs": photographs(options.cache, options.most)}
    for name, data in sets.items():
        data["features"] = [_cached(options.cache, name, data, session, i) for i in range(len(VERSIONS))]
        print(name, len(data["rows"]), flush=True)
    heads = nn.ModuleList(trained(sets, options.epochs, seed) for seed in range(HEADS))
    with torch.inference_mode():
        tested = [("drawings", "held"), ("drawings", "sought"), ("photographs", "held")]
        report: dict[str, Any] = {f"{name}, {which}": _tested(heads, sets[name], which) for name, which in tested}
    milliseconds = export(trunk, heads, options.out)
    report |= {"ms": round(milliseconds, 2), "bytes": options.out.stat().st_size}
    print(json.dumps(report, indent=1))


def _tested(heads: nn.ModuleList, data: dict[str, Any], which: str) -> dict[str, Any]:
    both = [torch.from_numpy(f[data[which]].astype(np.float32)) for f in data["features"][:2]]
    return errors(answers(mean_of(heads, both)).numpy(), data, data[which])


def _cached(cache: Path, name: str, data: dict[str, Any], session: Any, version: int) -> NDArray[np.float16]:
    """Features of a version, from the cache if they are of these crops."""
    key = hashlib.sha256("\n".join(f"{r['archive']}/{r['member']}" for r in data["rows"]).encode()).hexdigest()[:12]
    path = cache / f"{name}.{key}.{version}.npy"
    if not path.exists():
        np.save(path, features(session, data["crops"], VERSIONS[version], version))
    found: NDArray[np.float16] = np.load(path)
    return found


def trained(sets: dict[str, dict[str, Any]], epochs: int, seed: int) -> Head:
    """A head after so many passes over as many drawings as photographs."""
    parts = []
    for data in sets.values():
        rows = np.flatnonzero(~(data["held"] | data["sought"]))
        yes = data["targets"][rows]
        # Men, open mouths, closed eyes and glasses are rare: each picture is drawn by the rarest thing that it shows.
        rarity = np.ones(len(rows))
        for k, name in enumerate(NAMES):
            if name != "age":
                for side in (yes[:, k] > 0.5, yes[:, k] < 0.5):
                    share = max(side.mean(), 0.01)
                    rarity = np.maximum(rarity, np.where(side, np.minimum(0.5 / share, 8.0), 0))
            else:
                near = np.array([(np.abs(yes[:, k] - years) <= 3).mean() for years in yes[:, k]])
                rarity = np.maximum(rarity, np.clip(0.2 / near, 1, 5))
        parts.append((data, rows, rarity / rarity.sum()))
    torch.manual_seed(seed)
    head = Head()
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=0.02)
    steps = epochs * 60
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    random = np.random.default_rng(seed)
    average = {k: v.clone() for k, v in head.state_dict().items()}
    for step in range(steps):
        images, targets, weights = [], [], []
        for data, rows, chance in parts:
            chosen = random.choice(rows, 64, p=chance)
            versions = random.integers(0, len(VERSIONS), 64)
            images.append(np.stack([data["features"][v][i] for v, i in zip(versions, chosen, strict=True)]))
            targets.append(data["targets"][chosen])
            weights.append(data["weights"][chosen])
        x, y, w = (torch.from_numpy(np.concatenate(v).astype(np.float32)) for v in (images, targets, weights))
        loss = loss_of(head(x), y, w)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        for key, value in head.state_dict().items():
            average[key] = value.clone() if not value.is_floating_point() else average[key].lerp(value, 0.01)
        if step % 200 == 0:
            print(step, round(float(loss), 3), flush=True)
    head.load_state_dict(average)
    with torch.no_grad():
        head.out.bias[NAMES.index("mouth_open")] += MOUTH_SHIFT
    return head.eval()


if __name__ == "__main__":
    main()
