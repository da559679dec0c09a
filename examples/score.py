"""How good is a result? Every metric against the truth: python examples/score.py result.mp4 truth.mp4 mask.png"""

import sys

import cleanplate

result, truth, mask = sys.argv[1:4]
scores = cleanplate.score(result, truth, mask, metrics=["psnr", "ssim", "ewarp", "flicker", "seam"])
print(scores.to_markdown())
print(f"inside the hole: {scores['psnr(hole)'].value:.1f} dB over {scores.holed_frames} frames")
