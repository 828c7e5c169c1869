"""Faces of both domains: found, described by five landmarks, cropped and pasted back. Without torch."""
