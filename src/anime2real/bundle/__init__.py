"""Bundles: the format, the registry of what is installed, the Hub, and checks of foreign models."""
