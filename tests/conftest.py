"""Without a GPU, Triton's kernels run in its interpreter; it asks before the first import."""

import os

import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
