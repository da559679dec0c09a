"""What anybody would write with PyAV: decode, encode with the same settings as the jobs beside it, nothing else.

    python plain.py IN OUT PRESET CRF

Run by its path, so that nothing of this package is loaded. Prints the busy seconds of its two stages as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import av


def main(given: str, output: str, preset: str, crf: str) -> None:
    """Decode and encode in turn; the decoder and x264 use as many threads as they choose."""
    start = time.perf_counter()
    decode = 0.0
    with av.open(given) as source, av.open(output, "w") as out:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        options = {"preset": preset, "crf": crf}
        to = out.add_stream("libx264", rate=video.average_rate, options=options)
        to.width, to.height, to.pix_fmt = video.width, video.height, str(video.pix_fmt)
        frames = source.decode(video)
        while True:
            before = time.perf_counter()
            frame = next(frames, None)
            decode += time.perf_counter() - before
            if frame is None:
                break
            frame.pict_type = av.video.frame.PictureType.NONE  # else x264 is told which frames are key frames
            out.mux(to.encode(frame))
        out.mux(to.encode(None))
    total = time.perf_counter() - start
    print(json.dumps({"seconds": {"decode": decode, "save": total - decode, "total": total}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
