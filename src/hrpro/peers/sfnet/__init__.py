"""SF-Net: single-frame supervision (Ma et al., ECCV 2020)."""
