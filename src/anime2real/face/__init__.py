"""Faces: find them, line them up, paste them back. Both domains, without torch."""

from anime2real.face.face import Face
from anime2real.face.finder import FaceFinder, find_faces
from anime2real.face.geometry import TEMPLATE, Similarity, align, paste

__all__ = ["TEMPLATE", "Face", "FaceFinder", "Similarity", "align", "find_faces", "paste"]
