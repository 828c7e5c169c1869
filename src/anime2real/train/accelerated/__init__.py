"""The networks of `networks/` computed as a GPU likes it: kernels, fused forms, parity."""
