"""Small films of a jointed figure, drawn from a seed: video files whose actions are known to the frame."""
