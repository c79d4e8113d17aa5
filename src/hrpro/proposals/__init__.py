"""From snippet scores to candidate actions: generation, ranking, suppression."""
