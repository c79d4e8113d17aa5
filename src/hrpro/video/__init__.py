"""From video files to snippet features: decoding with a true clock, backbones, extraction."""
