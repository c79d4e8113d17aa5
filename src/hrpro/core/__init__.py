"""The vocabulary: time, clicks, segments, detections and the errors people see."""
