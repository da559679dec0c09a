"""What OpenAPI says of the routes."""

from __future__ import annotations

from typing import Any

ABOUT = (
    "Take things out of video: the same jobs as the command line and the page, by the same functions. A job belongs to "
    "the session that sent it: keep the cookie that the first answer sets, or send a header `X-Session` of at least 16 "
    "letters and digits of your own. Errors are `{error: one sentence}`."
)
TASKS = "The tasks, what can be set of each, and the marks that say what it is about."
POST = (
    "As JSON with the `path` of a video inside the server's root, or as multipart/form-data with the video as `file`, "
    "the rest as `job` (JSON), and masks as `mask`, which marks then name as `masks/NAME`. The video is looked at "
    "before the answer: what cannot be decoded is refused."
)
DELETE = "One that waits or runs is cancelled; one that has ended is forgotten, with its result and all its files."
AGAIN = "One that failed or was cancelled waits once more, and goes on from the pieces that it had finished."
EVENTS = (
    "Server-sent events, each with a number: stage, frames done and in all, frames a second, seconds left of the "
    "stage. The stream ends with the job. After a lost connection go on with `?from=N` or `Last-Event-ID`."
)
RESULT = "The video (byte ranges are served), or for the task `mask` a zip of the masks. 409 before it is done."
MASKS = (
    "A zip of stored masks: one PNG for each change, and masks.json. `cleanplate fill` and `--mask` take the folder."
)
ORIGIN = "An .mkv whose gray says it: 128 seen elsewhere, 255 invented. Only with the setting `origin_map`."
REPORT = "What was done and what it cost, as JSON."

_JOB: dict[str, Any] = {
    "type": "object",
    "properties": {
        "task": {"type": "string", "description": "A name from /tasks.", "default": "remove"},
        "path": {"type": "string", "description": "A video, or a folder of pictures, inside the server's root."},
        "name": {"type": "string", "description": "What to call it in lists and downloads."},
        "marks": {
            "type": "object",
            "description": "What to remove, as on the command line: see /tasks.",
            "example": {"click": ["dog:320,180@00:03.5"], "box": ["40,20,200,80"]},
        },
        "settings": {
            "type": "object",
            "description": "See /tasks; what is left out has its default.",
            "example": {"grow_px": 6, "quality": "fast"},
        },
        "suffix": {"type": "string", "description": "Of the result, like .mp4; else the source's, or .mkv."},
    },
}
POST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {**_JOB, "required": ["path"]}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The video."},
                        "job": {**_JOB, "description": "The rest, as JSON."},
                        "mask": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                },
                "encoding": {"job": {"contentType": "application/json"}},
            },
        },
    }
}
