"""mediapipe's 478 points of every photograph of an archive, for label_photographs.py; in an environment of its own.

    python -m venv teachers && teachers/bin/pip install mediapipe==0.10.21   # it wants numpy < 2
    teachers/bin/python research/labels/mesh.py DATA ffhq.zip CACHE

CACHE/ffhq.mesh.npz: members, found (N,), points (N, 478, 2) as shares of the picture's width and height. Points 0 to
467 are the face's, 468 to 472 and 473 to 477 the irises', centre first.
"""

import argparse
import io
import zipfile
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image

LEAST = 256
"""Px that the shorter side is brought to: the detector inside likes no small pictures."""


def main() -> None:
    """Write the points of one archive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("archive")
    parser.add_argument("cache", type=Path)
    options = parser.parse_args()
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
    )
    members, found, points = [], [], []
    with zipfile.ZipFile(options.data / options.archive) as archive:
        for member in sorted(n for n in archive.namelist() if not n.endswith("/")):
            picture = Image.open(io.BytesIO(archive.read(member))).convert("RGB")
            if (factor := LEAST / min(picture.size)) > 1:
                size = round(picture.width * factor), round(picture.height * factor)
                picture = picture.resize(size, Image.Resampling.BICUBIC)
            faces = mesh.process(np.asarray(picture)).multi_face_landmarks
            members.append(member)
            found.append(faces is not None)
            points.append([(p.x, p.y) for p in faces[0].landmark] if faces else np.zeros((478, 2)))
    target = options.cache / f"{options.archive.removesuffix('.zip')}.mesh.npz"
    np.savez_compressed(target, members=members, found=found, points=np.array(points, np.float32))
    print(f"{target}: {sum(found)} of {len(found)}")


if __name__ == "__main__":
    main()
