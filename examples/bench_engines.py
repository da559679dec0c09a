"""Two engines on clips whose truth is known, rendered here: python examples/bench_engines.py folder"""

import sys
from pathlib import Path

import cleanplate
from cleanplate.bench.rendered import write_dataset

if __name__ == "__main__":  # the bench starts processes of its own, which import this file
    folder = Path(sys.argv[1])
    data = folder / "data"
    write_dataset(data, purpose="quality", scenes=("pan", "still"), width_px=160, height_px=96, frames=8)
    report = cleanplate.bench_quality(
        data, output=folder / "out", engines=("flowfill", "opencv-telea"), metrics=["psnr", "ewarp"]
    )
    for engine, mean in report.means.items():
        print(f"{engine}: {mean['psnr(hole)'].value:.1f} dB inside the hole, mean of {mean.clips} clips")
    print(f"tables and plots: {folder / 'out'}")
