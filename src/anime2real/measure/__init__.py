"""Figures: how near results are to the other domain's pictures, how varied, how sharp, and what of faces and hair is kept."""
