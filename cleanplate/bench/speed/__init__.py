"""Speed and memory of whole jobs, as ratios to a plain decode and encode and to OpenCV's Telea in the same run."""
