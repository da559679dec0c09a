"""One mask of one frame, followed, and what became of it: python examples/follow.py in.mp4 first.png masks"""

import sys

import cleanplate

video, first, output = sys.argv[1:4]
summary, warnings = cleanplate.make_masks(video, mask=f"thing:{first}", track=True, output=output, preview=True)
for track in summary.tracks:
    print(f"{track.title}: found in {track.found_frames} frames, confidence {track.mean_confidence:.1f}")
for warning in warnings:  # where it was lost
    print(f"warning: {warning}")
print(f"look at {output}.preview.mp4; mend a picture in {output} and give it with fix=")
