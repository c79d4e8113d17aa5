"""Other methods, each in its own room: a stage 1 that the localizer uses in place of HR-Pro's."""
