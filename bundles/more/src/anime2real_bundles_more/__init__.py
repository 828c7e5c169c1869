"""A folder of bundles for anime2real: `ugatit`, `galatea-styles`, and `pix2pixhd`, from face parts.

anime2real finds it by its entry point and reads the bundles beside this file; nothing imports this module.
"""
