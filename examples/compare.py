"""Two videos side by side, and their difference: python examples/compare.py in.mp4 out.mp4 side.mp4"""

import sys

import cleanplate

first, second, output = sys.argv[1:4]
done = cleanplate.compare(first, second, output=output)
print(f"{done.video}: {done.frames} frames side by side")
print(f"{done.sheet}: largest difference {done.largest_difference} of 255")
