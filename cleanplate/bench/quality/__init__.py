"""Quality of engines on a data set whose truth is known, by the papers' protocol or plainly."""
