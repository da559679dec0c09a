"""Take out what a mask covers: python examples/remove.py in.mp4 mask.png out.mp4"""

import sys

import cleanplate

video, mask, output = sys.argv[1:4]
try:
    report = cleanplate.remove(video, mask=mask, output=output)
except cleanplate.CleanplateError as error:
    sys.exit(f"error: {error}")

print(f"{report.frames} frames, {report.frames_with_holes} with holes")
print(f"untouched: {report.untouched}")
if report.seen_share is not None:
    print(f"{report.seen_share:.0%} of the hole was seen elsewhere in the video")
