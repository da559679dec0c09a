"""Networks that find or complete motion. They import torch only."""
