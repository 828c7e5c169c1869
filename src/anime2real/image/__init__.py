"""Pictures: open what strangers give, colour, encode, mark as generated."""
