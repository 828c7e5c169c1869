"""The methods: one file each, with its networks, its losses and its step; their options need no torch."""
