"""Without a GPU, Triton's kernels run in its interpreter, which asks before the first import.

One thread for torch and for numpy's and scipy's matrices, which ask then too: what the tests compute is small, more
threads only cost time, and on a busy machine much of it. For the same reason Hypothesis has no deadline: how long an
example takes tells how busy the machine is.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
torch.set_num_threads(1)

hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["training_fixtures"]
