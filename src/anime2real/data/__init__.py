"""Packs: prepared crops on disk, and how they are made. Nothing here needs torch."""
