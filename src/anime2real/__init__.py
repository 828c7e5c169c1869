"""Turn drawn faces into photographs of people, and people into drawings.

The names here need numpy, Pillow and ONNX Runtime alone; training lives under `anime2real.train` and needs torch.
"""

__version__ = "0.1.0"
