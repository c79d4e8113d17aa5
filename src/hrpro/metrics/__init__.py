"""How good detections are: mAP, recall, and what kind of errors they make."""
