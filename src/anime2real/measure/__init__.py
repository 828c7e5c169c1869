"""Figures: how near results are to the other domain's pictures, and whether their faces are where they were."""
