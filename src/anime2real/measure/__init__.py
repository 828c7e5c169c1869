"""Figures: how near results are to the other domain's pictures, how varied, and whether faces and hair are kept."""
