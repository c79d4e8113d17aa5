"""Stage 2: Instance-level Action Completeness Learning (eq. 9-14)."""
