"""Clips: faces tracked through a video or an animated picture, translated, and pasted back frame by frame.

`track` follows faces and `smooth` steadies their landmarks; `film` (PyAV, the extra `video`) and `animation` (Pillow)
read and write clips; `frames` translates frames; `translate` puts these together and resumes; `files` makes jobs of
clips for the command line.
"""
