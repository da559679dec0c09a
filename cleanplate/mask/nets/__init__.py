"""Networks that find and follow objects. They import torch only, so that a checkpoint loads without the rest."""
