"""A dense multi-scale localizer: every position of every level of a pyramid tells classes and distances."""
