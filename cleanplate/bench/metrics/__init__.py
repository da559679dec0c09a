"""What is measured: one file a family of metrics, one table (`metric.py`) of them all."""
