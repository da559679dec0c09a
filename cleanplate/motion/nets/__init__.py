"""Networks that find or follow motion. They import torch only, so that a checkpoint loads without the rest."""
