"""Training: packs of crops in, runs and bundles out. Needs the extra `train`, but for options, presets and help."""
