"""Sums of what the program makes, to hold a rebuilding of the code to: `golden.py write FILE`, `golden.py check FILE`.

Every shipped bundle on the examples, the layouts, `--json` lines, a toy pack, and a toy run of each method on the CPU.
Pixels are summed, not files, so that cards and manifests may change their words. Sums hold on one machine alone: other
processors round otherwise.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

TOP = Path(__file__).parent.parent
EXAMPLES = TOP / "examples"
PHOTOGRAPH = TOP / "docs" / "pictures" / "astronaut.jpg"

os.environ["OMP_NUM_THREADS"] = "1"  # torch rounds a training otherwise with every number of threads

RUNS: dict[str, tuple[str, list[str]]] = {
    "difference": ("difference", ["--learning-rate", "0.1", "--batch-size", "4"]),
    "autoencoder": ("autoencoder", ["--width", "8", "--batch-size", "4"]),
    "cyclegan": ("cyclegan", ["--width", "8", "--blocks", "1", "--discriminator-width", "8", "--batch-size", "2"]),
    "cyclegan-tilt": ("cyclegan", ["--tilt", "coordinates", "--width", "8", "--blocks", "1", "--batch-size", "2"]),
    "ugatit": ("ugatit", ["--width", "8", "--blocks", "2", "--discriminator-width", "8", "--local-layers", "4",
                          "--global-layers", "5", "--batch-size", "2"]),
    "galatea-quick": ("galatea", ["--preset", "quick", "--width", "8", "--blocks", "1", "--batch-size", "2"]),
    "galatea": ("galatea", ["--width", "8", "--blocks", "2", "--batch-size", "2", "--hair-weight", "10"]),
}  # fmt: skip
"""Name of a toy run: the method and its options."""


def sum_of(array: np.ndarray[Any, Any]) -> str:
    """Of an array's shape, type and content."""
    content = np.ascontiguousarray(array)
    return hashlib.sha256(f"{content.shape}{content.dtype}".encode() + content.tobytes()).hexdigest()[:16]


def run(*arguments: object) -> str:
    """Run a command of the program; returns what it printed."""
    command = [sys.executable, "-m", "anime2real", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def pictures(folder: Path) -> dict[str, str]:
    """The sum of each picture's pixels in a folder, by name."""
    return {path.name: sum_of(np.asarray(Image.open(path))) for path in sorted(folder.iterdir()) if path.is_file()}


def stable(text: str, folder: Path) -> list[Any]:
    """Lines of JSON without times and folders."""
    lines = [json.loads(line) for line in text.replace(str(folder), ".").replace(str(TOP), ".").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def face_parts(path: Path) -> Path:
    """A label map of a round face: hair, skin, eyes and a mouth."""
    image = Image.new("L", (256, 256))
    draw = ImageDraw.Draw(image)
    for box, value in (
        ((40, 20, 216, 256), 13), ((70, 70, 186, 230), 1), ((92, 120, 116, 132), 4), ((140, 120, 164, 132), 5),
        ((108, 188, 148, 200), 10),
    ):  # fmt: skip
        draw.ellipse(box, fill=value)
    image.save(path)
    return path


def translated(folder: Path) -> dict[str, Any]:
    """Results of everything that ships, the layouts of the best, and the lines of JSON."""
    sums: dict[str, Any] = {}
    for bundle in json.loads(run("methods", "--json")):
        name = f"{bundle['method']}-{bundle['from']}-to-{bundle['to']}"
        inputs = [EXAMPLES] if bundle["from"] == "anime" else [PHOTOGRAPH]
        if bundle["method"] == "pix2pixhd":  # which takes label maps
            inputs = [face_parts(folder / "parts.png")]
        run("translate", *inputs, "-o", folder / name, "--method", bundle["method"], "--to", bundle["to"])
        sums[name] = pictures(folder / name)
    for layout in ("pair", "paste"):
        run("translate", EXAMPLES / "aoi.png", "-o", folder / layout, "--to", "real", "--layout", layout)
        run("translate", PHOTOGRAPH, "-o", folder / layout, "--to", "anime", "--layout", layout)
        sums[layout] = pictures(folder / layout)
    run("translate", EXAMPLES / "aoi.png", "-o", folder / "none", "--to", "real", "--crop", "none", "--variants", 3)
    sums["variants"] = pictures(folder / "none")
    sums["translate --json"] = stable(
        run("translate", EXAMPLES, "-o", folder / "json", "--to", "real", "--json"), folder
    )
    sums["inspect --json"] = stable(run("inspect", EXAMPLES, PHOTOGRAPH, folder / "json", "--json"), folder)
    return sums


def prepared(folder: Path) -> dict[str, Any]:
    """A toy pack of the examples and of the same, mirrored and recoloured."""
    for domain in ("anime", "real"):
        for path in sorted(EXAMPLES.glob("*.png")):
            image = Image.open(path).convert("RGB")
            if domain == "real":
                red, green, blue = ImageOps.mirror(image).split()
                image = Image.merge("RGB", (red, blue, green))
            target = folder / domain / ("test" if path.stem in ("aoi", "sora") else "train") / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target)
    sources = ("--anime", folder / "anime", "--real", folder / "real")
    run("prepare", *sources, "-o", folder / "pack", "--size", 64, "--hair", "--quiet")
    index = [json.loads(line) for line in (folder / "pack" / "index.jsonl").read_text().splitlines()]
    landmarks = np.array([entry["landmarks"] for entry in index])
    return {
        "images": sum_of(np.load(folder / "pack" / "images.npy")),
        "hair": sum_of(np.load(folder / "pack" / "hair.npy")),
        "landmarks": sum_of(landmarks),
        "splits": [[entry["domain"], entry["split"]] for entry in index],
    }


def trained(folder: Path) -> dict[str, Any]:
    """Three steps of each method, and its bundles on a drawing."""
    sums: dict[str, Any] = {}
    for name, (method, options) in RUNS.items():
        output = folder / name
        run("train", method, "--data", folder / "pack", "-o", output, "--steps", 3, "--device", "cpu", "--quiet",
            *options)  # fmt: skip
        sums[name] = {}
        for bundle in sorted((output / "bundles").iterdir()):
            results = folder / f"{name}-results" / bundle.name
            run("translate", EXAMPLES / "aoi.png", EXAMPLES / "hana.png", "--bundle", bundle, "-o", results)
            sums[name][bundle.name] = pictures(results)
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "check"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sums = {"translated": translated(folder), "prepared": prepared(folder), "trained": trained(folder)}
    if options.verb == "write":
        options.file.write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n")
        return
    before = json.loads(options.file.read_text())
    differ = [
        f"{part}: {name}" for part in before for name in before[part] if sums[part].get(name) != before[part][name]
    ]
    print("\n".join(differ) or "all sums as before")
    raise SystemExit(1 if differ else 0)


if __name__ == "__main__":
    main()
