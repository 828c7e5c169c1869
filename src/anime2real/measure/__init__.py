"""Figures: how near results are to the other domain, how varied and sharp, and what of faces and hair is kept."""
