"""The form of what lies in the job folder beside pieces: what a survey found, whole frames, painted frames."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Frame, Hole, Image, PlaneLayout, Planes
from cleanplate.motion.coverage import Coverage
from cleanplate.motion.survey import ShotSurvey, Survey


def pack_survey(survey: Survey) -> bytes:
    """All shots in one archive."""
    arrays: dict[str, NDArray[Any]] = {"shots": np.array([(shot.start, shot.stop) for shot in survey.shots])}
    for n, shot in enumerate(survey.shots):
        coverage = dataclasses.asdict(shot.coverage)
        arrays |= {f"{n} frames": shot.frames, f"{n} planes": shot.planes, f"{n} agreed": np.array(shot.agreed)}
        arrays |= {f"{n} {name}": np.asarray(value) for name, value in coverage.items()}
    return _archive(arrays)


def unpack_survey(packed: bytes) -> Survey:
    """What `pack_survey` packed."""
    arrays = np.load(io.BytesIO(packed), allow_pickle=False)
    shots = []
    for n, (start, stop) in enumerate(arrays["shots"].reshape(-1, 2)):
        coverage = Coverage(
            frame=arrays[f"{n} frame"],
            cell=arrays[f"{n} cell"],
            state=arrays[f"{n} state"],
            references=tuple(int(index) for index in arrays[f"{n} references"]),
            revealed=arrays[f"{n} revealed"],
        )
        shots.append(
            ShotSurvey(
                start=int(start),
                stop=int(stop),
                frames=arrays[f"{n} frames"],
                planes=arrays[f"{n} planes"],
                coverage=coverage,
                agreed=float(arrays[f"{n} agreed"]),
            )
        )
    return Survey(shots=tuple(shots))


def pack_frame(frame: Frame) -> bytes:
    """A frame's samples, lossless, and how they lie."""
    assert frame.native is not None
    facts = {"pts": frame.pts, "duration": frame.duration, "layout": dataclasses.asdict(frame.native.layout)}
    arrays = {f"plane {n}": array for n, array in enumerate(frame.native.arrays)}
    return _archive({"facts": np.array(json.dumps(facts)), **arrays})


def unpack_frame(packed: bytes, index: int) -> Frame:
    """What `pack_frame` packed."""
    arrays = np.load(io.BytesIO(packed), allow_pickle=False)
    facts = json.loads(str(arrays["facts"]))
    planes = tuple(arrays[f"plane {n}"] for n in range(len(arrays.files) - 1))
    for plane in planes:
        plane.flags.writeable = False
    native = Planes(arrays=planes, layout=PlaneLayout(**facts["layout"]))
    return Frame(index=index, pts=facts["pts"], duration=facts["duration"], native=native)


def pack_picture(image: Image, hole: Hole) -> bytes:
    """A painted frame, lossless, and what of it is not painted."""
    return _archive({"image": image, "hole": np.packbits(hole)})


def unpack_picture(packed: bytes) -> tuple[Image, Hole]:
    """What `pack_picture` packed."""
    arrays = np.load(io.BytesIO(packed), allow_pickle=False)
    image: Image = arrays["image"]
    count = image.shape[0] * image.shape[1]
    return image, np.unpackbits(arrays["hole"], count=count).view(np.bool_).reshape(image.shape[:2])


def pack_front(front: NDArray[np.bool_] | None) -> bytes:
    """What lies in front in a frame (h, w), or that nothing is known to."""
    return _archive({} if front is None else {"front": np.packbits(front, axis=1), "width": np.array(front.shape[1])})


def unpack_front(packed: bytes) -> NDArray[np.bool_] | None:
    """What `pack_front` packed."""
    arrays = np.load(io.BytesIO(packed), allow_pickle=False)
    if not arrays.files:
        return None
    return np.unpackbits(arrays["front"], axis=1, count=int(arrays["width"])).view(np.bool_)


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()
