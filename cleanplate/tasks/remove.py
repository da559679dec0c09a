"""Take something out of a video: the mask pass, then the fill pass.

report = remove("in.mp4", mask="mask.png", output="out.mp4")
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.names import refuse_inputs
from cleanplate.base.report import Report, StageClock, Watch
from cleanplate.base.when import Span
from cleanplate.chain import MaskPass, check_job, run
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.journal.facts import Facts, fingerprint, job_facts
from cleanplate.journal.folder import JobFolder
from cleanplate.mask.networks import networks_of as mask_networks
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import is_stored
from cleanplate.paint.engine import engine_options
from cleanplate.paint.inventor import networks_of
from cleanplate.tasks.choices import Given, job_of, split
from cleanplate.tasks.marks import Marks, mask_pass, refuse_lost, sources_of


def remove(
    video: str | Path,
    *,
    output: str | Path,
    fresh: bool = False,
    strict: bool = False,
    keep_masks: str | Path | None = None,
    watch: Watch | None = None,
    **given: Unpack[Given],
) -> Report:
    """Paint what the masks cover, everywhere else leave the video as it is, and prove it.

    video: a file or a folder of images; output: a file, or a folder of PNGs if the name has no suffix.
    given: what to remove, mask="mask.png", box=(x0, y0, x1, y1), click=(x, y) and more, see `Marks`; and how, engine,
    quality, grow_px, codec and more, see `Choices`.
    fresh: throw away what an earlier, stopped run of the same output left in its job folder, where else this one goes
    on from it. strict: give up if what is followed is lost for a while (of the time worked on), where else that is a
    warning.
    keep_masks: a folder for the stored masks, as `make_masks` writes them; such that are there already go.

    Raises `UsageError` (also `MaskError`) for what cannot be asked for, `MediaError` for files that cannot be read or
    written. On any error the output is not written and the input is as it was.
    """
    marks, choices = split(given)
    job = job_of(video, output, choices)
    ready = engine_options(job.engine, job.options)
    sources, invert = sources_of(marks), marks.get("invert", False)
    own = networks_of(job.engine, ready)
    networks = own.union(*map(mask_networks, sources))
    files = [path for source in sources for path in source.paths]
    refuse_inputs(job.output, [*files, *(painted.path for painted in job.references)])
    removed = [f"all but {source}" if invert and source.kind == "file" else str(source) for source in sources]
    if marks.get("with_shadow"):
        removed.append("what they cast")
    with open_video(job.video, job.rate) as reader:
        check_job(job, reader)
        with JobFolder(job.output, fresh=fresh) as folder:
            folder.claim(job_facts(job, ready, _mask_facts(sources, removed), networks))
            made = MaskPass(clock=StageClock(), removed=removed, folder=folder)
            with made.clock.time("mask"):
                warnings = _masks_in(folder, reader, marks, job.device, watch)
            made.warnings.extend(warnings if job.within is None else _within(job.within, warnings, folder.masks))
            if keep_masks is not None:
                _copy_masks(folder.masks, Path(keep_masks))
            if strict:
                refuse_lost(StoredMasks(folder.masks).tracks, job.within)
            is_for_masks = bool(networks) and not own  # then a card is not asked of an engine that has no use for it
            return run(replace(job, masks=folder.masks, device="cpu" if is_for_masks else job.device), watch, made)


def _masks_in(folder: JobFolder, reader: VideoReader, marks: Marks, device: str, watch: Watch | None) -> list[str]:
    """The mask pass, unless an earlier run has done it. Returns the sentences about what had to be repaired."""
    before = folder.stored_masks()
    if before is not None:
        return before
    warnings: list[str] = []
    mask_pass(reader, folder.masks, marks, device=device, warn=warnings.append, watch=watch)
    folder.seal_masks(warnings)
    return warnings


def _within(within: Span, warnings: Sequence[str], masks: Path) -> list[str]:
    """Those sentences without what was lost in another time than is worked on."""
    tracks = StoredMasks(masks).tracks
    unasked = {text for track in tracks for text in set(track.sentences()) - set(track.sentences(within))}
    return [text for text in warnings if text not in unasked]


def _copy_masks(masks: Path, to: Path) -> None:
    """Raises `UsageError` for a folder of anything but stored masks, `MediaError` where nothing can be written."""
    if to.exists() and not is_stored(to) and any(to.iterdir()):
        raise UsageError(f"'{to}' holds other files than stored masks; give a new folder for the masks to be kept")
    try:
        if to.exists():
            shutil.rmtree(to)
        shutil.copytree(masks, to)
    except OSError as error:
        raise MediaError(f"the masks cannot be kept in '{to}' ({error.strerror}); give another folder") from error


def _mask_facts(sources: Sequence[MaskSource], removed: Sequence[str]) -> Facts:
    """What the masks are made of."""
    facts = {"what is to be removed": "; ".join(removed)}
    for source in sources:
        if source.hints or source.words:
            facts |= {"--tracker": source.tracker, "--segmenter": source.segmenter}
            if source.follow is not None:
                facts["--follow"] = str(source.follow)
            owned = {"tracker": source.tracker_options, "segmenter": source.segmenter_options}
            for owner, options in (owned | {"search": source.word_options}).items():
                facts |= {f"the {owner}'s {name}": str(value) for name, value in options.items()}
        for path in source.paths:
            if path.exists():  # the mask pass says what it misses
                facts[f"the mask '{path}'"] = fingerprint(path)
    return facts
