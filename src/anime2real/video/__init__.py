"""Clips: faces tracked through a video or an animated picture, translated, and pasted back frame by frame.

`kinds` tells clips from pictures; `track` follows faces and `smooth` steadies their landmarks; `film` (PyAV, the extra
`video`) and `animation` (Pillow) read and write; `translate` drives them and resumes; `flicker` measures.
"""
