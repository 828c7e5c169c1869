"""Training: packs of crops in, runs and bundles out. Needs the extra `train`, except for `anime2real.data.pack`."""
