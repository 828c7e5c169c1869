"""A folder of bundles for anime2real: `cyclegan-tilt`, both ways.

anime2real finds it by its entry point and reads the bundles beside this file; nothing imports this module.
"""
