"""Stage 1: Snippet-level Action Discrimination Learning (eq. 1-8)."""
