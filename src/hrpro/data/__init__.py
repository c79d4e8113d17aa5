"""From files to recordings: dataset folders, feature files, checks, batches, foreign formats."""
