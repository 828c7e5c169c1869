"""The folder of one training: its configuration, checkpoints, and how it is taken up again."""
