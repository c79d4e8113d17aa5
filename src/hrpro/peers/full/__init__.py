"""The fully supervised upper bound, after ActionFormer (Zhang et al., ECCV 2022): it learns from segments."""
