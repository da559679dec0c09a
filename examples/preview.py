"""A contact sheet before the long run: python examples/preview.py in.mp4 mask.png sheet.png"""

import sys

import cleanplate

video, mask, sheet = sys.argv[1:4]
frames = cleanplate.preview(video, mask=mask, output=sheet, count=3)
print(f"{sheet} shows frames {frames}: as they are, the hole, the result")
