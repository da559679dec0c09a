"""Networks that paint. They import torch and each other only, so that a checkpoint loads without the rest."""
