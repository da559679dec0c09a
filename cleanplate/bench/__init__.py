"""Scenes whose truth is known, holes to try engines with, and what is measured on them."""
