"""The blind comparison: which of two pictures is better, which of two is real, asked of people who do not know."""
