"""Masks first, to look at and mend, then the fill: python examples/two_passes.py in.mp4 mask.png out.mp4"""

import sys
import tempfile
from pathlib import Path

import cleanplate

video, mask, output = sys.argv[1:4]
with tempfile.TemporaryDirectory() as folder:
    summary, warnings = cleanplate.make_masks(video, mask=mask, output=folder)
    print(f"{summary.holed_frames} of {summary.frame_count} frames have holes")
    for warning in warnings:
        print(f"warning: {warning}")

    job = cleanplate.Job(
        video=Path(video),
        masks=Path(folder),
        output=Path(output),
        engine="opencv-telea",
        options={"radius_px": 5.0},
        encode=cleanplate.Encode(codec="h264", crf=18, preset="veryfast"),
    )
    report = cleanplate.run(job)
print(f"untouched: {report.untouched}")
