"""A folder of bundles for anime2real: `ugatit` and `galatea-styles`, from drawings to people.

anime2real finds it by its entry point and reads the bundles beside this file; nothing imports this module.
"""
