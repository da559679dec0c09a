"""Networks that judge: I3D for distances between sets of clips, LPIPS for distances between pictures. Torch only."""
