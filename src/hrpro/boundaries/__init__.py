"""Where actions begin and end, told by the features themselves: what ``hrpro-next`` adds to HR-Pro (ours)."""
