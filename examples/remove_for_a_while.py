"""Boxes and polygons that hold for a part of the video only: python examples/remove_for_a_while.py in.mp4 out.mp4"""

import sys

import cleanplate

video, output = sys.argv[1:3]
report = cleanplate.remove(
    video,
    box=[(10, 10, 60, 30), "80,40,120,60@0.2-0.6"],  # the second from 0.2 s to 0.6 s
    polygon="20,60 50,60 35,80@-0.5",  # the first half second
    output=output,
    grow_px=2,
    feather_px=1,
    lossless=True,
    verify=True,
)
print(f"verified: {report.verified}")
print(f"untouched: {report.untouched}")
