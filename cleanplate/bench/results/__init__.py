"""The results page: what the benches measured on one machine, written by one command.

python -m cleanplate.bench.results [quality] [track] [speed] [targets] [presets] [pictures] [--extent standard]
"""
