"""Take something out of a video: the mask pass, then the fill pass.

report = remove("in.mp4", mask="mask.png", output="out.mp4")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

from cleanplate.base.names import refuse_inputs
from cleanplate.base.options import with_choices
from cleanplate.base.report import Report, StageClock, Watch
from cleanplate.base.settings import Encode, Job, PaintedFrame, feather_for
from cleanplate.base.when import parse_limits
from cleanplate.chain import MaskPass, run
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.journal.facts import Facts, fingerprint, job_facts
from cleanplate.journal.folder import JobFolder
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options
from cleanplate.painted import read_painted
from cleanplate.save.origin import check_origin_map
from cleanplate.save.writer import check_output
from cleanplate.tasks.marks import Marks, Paths, mask_pass, refuse_lost, sources_of, texts


def remove(
    video: str | Path,
    *,
    output: str | Path,
    engine: str = "flowfill",
    quality: str | None = None,
    invent: str | None = None,
    flow: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    grow_px: int = 4,
    feather_px: int | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    lossless: bool = False,
    start: str | None = None,
    stop: str | None = None,
    rate: Fraction | int | None = None,
    memory_bytes: int | None = None,
    verify: bool = False,
    origin_map: str | Path | None = None,
    workers: int = 1,
    fresh: bool = False,
    strict: bool = False,
    reference: Paths = (),
    trust_reference: bool = False,
    watch: Watch | None = None,
    **marks: Unpack[Marks],
) -> Report:
    """Paint what the masks cover, everywhere else leave the video as it is, and prove it.

    video: a file or a folder of images; output: a file, or a folder of PNGs if the name has no suffix.
    marks: what to remove, mask="mask.png", box=(x0, y0, x1, y1), click=(x, y) and more: see `Marks`. strict: give up if
    what is followed is lost for a while, where else that is a warning.
    quality: "fast", "balanced" or "best"; invent: "smooth" or "exemplar", what is painted where no frame shows what is
    there; flow: "dis" or "raft", how motion is found; for engines with these options; None = theirs.
    device: where networks run, "auto", "cpu", "cuda", "cuda:N" or "mps".
    grow_px, feather_px: how far the hole is grown, and how much of that is blended (None: 2, or grow_px if smaller).
    start, stop: when to work, like "00:03.5", from the first frame on; frames outside pass through as they are.
    origin_map: an .mkv to write, whose gray says where samples came from: 128 seen elsewhere, 255 invented.
    workers: pieces painted at a time; the result does not depend on it. fresh: throw away what an earlier, stopped run
    of the same output left in its job folder, where else this one goes on from it.

    reference: frames of this video painted in another program, as text with the time each is of: "frame.png@00:03.5";
    what they show is taken in all frames of their shot where none shows what is there; trust_reference: everywhere.

    Raises `UsageError` (also `MaskError`) for what cannot be asked for, `MediaError` for files that cannot be read or
    written. On any error the output is not written and the input is as it was.
    """
    output = Path(output)
    job = Job(
        video=Path(video),
        masks=None,
        output=output,
        engine=engine,
        options=with_choices(options, quality=quality, invent=invent, flow=flow),
        device=device,
        grow_px=grow_px,
        feather_px=feather_for(feather_px, grow_px),
        encode=Encode(codec=codec, crf=crf, preset=preset, lossless=lossless),
        within=parse_limits(start, stop),
        rate=None if rate is None else Fraction(rate),
        memory_bytes=memory_bytes,
        verify=verify,
        origin_map=None if origin_map is None else Path(origin_map),
        workers=workers,
        references=tuple(PaintedFrame.parse(text) for text in texts(reference, 0)),
        trust_references=trust_reference,
    )
    ready = engine_options(engine, job.options)
    sources, invert = sources_of(marks), marks.get("invert", False)
    given = [path for source in sources for path in source.paths]
    refuse_inputs(output, [*given, *(painted.path for painted in job.references)])
    removed = [f"all but {source}" if invert and source.kind == "file" else str(source) for source in sources]
    if marks.get("with_shadow"):
        removed.append("what they cast")
    with open_video(job.video, job.rate) as reader:
        check_output(output, reader.info, job.encode)  # before any work is done
        read_painted(job, reader)
        if job.origin_map is not None:
            check_origin_map(job.origin_map, output, reader.info)
        with JobFolder(output, fresh=fresh) as folder:
            folder.claim(job_facts(job, ready, _mask_facts(sources, removed)))
            made = MaskPass(clock=StageClock(), removed=removed, folder=folder)
            with made.clock.time("mask"):
                made.warnings.extend(_masks_in(folder, reader, marks, device, watch))
            if strict:
                refuse_lost(StoredMasks(folder.masks).tracks)
            return run(replace(job, masks=folder.masks), watch, made)


def _masks_in(folder: JobFolder, reader: VideoReader, marks: Marks, device: str, watch: Watch | None) -> list[str]:
    """The mask pass, unless an earlier run has done it. Returns the sentences about what had to be repaired."""
    before = folder.stored_masks()
    if before is not None:
        return before
    warnings: list[str] = []
    mask_pass(reader, folder.masks, marks, device=device, warn=warnings.append, watch=watch)
    folder.seal_masks(warnings)
    return warnings


def _mask_facts(sources: Sequence[MaskSource], removed: Sequence[str]) -> Facts:
    """What the masks are made of."""
    facts = {"what is to be removed": "; ".join(removed)}
    for source in sources:
        if source.hints:
            facts |= {"--tracker": source.tracker, "--segmenter": source.segmenter}
            for owner, options in (("tracker", source.tracker_options), ("segmenter", source.segmenter_options)):
                facts |= {f"the {owner}'s {name}": str(value) for name, value in options.items()}
        for path in source.paths:
            if path.exists():  # the mask pass says what it misses
                facts[f"the mask '{path}'"] = fingerprint(path)
    return facts
