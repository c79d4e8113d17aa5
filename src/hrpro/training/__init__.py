"""Steps, devices, checkpoints and resume. Knows nothing of either stage."""
