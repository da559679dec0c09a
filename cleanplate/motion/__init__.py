"""Motion: where points of one frame lie in others."""
