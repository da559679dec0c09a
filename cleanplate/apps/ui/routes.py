"""The page's own endpoints: what the viewer in the browser asks for, beside what Gradio does.

They stand behind the server's guard, which gives every request its session; projects of another one are not found.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from cleanplate.apps.server.guard import session_of
from cleanplate.apps.ui.desk import Desk
from cleanplate.apps.ui.drawing import MOST_STROKE_POINTS
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.workshop import Workshop
from cleanplate.base.errors import UsageError
from cleanplate.mask.maker import MOST_OBJECTS

PREFIX = "/page"
STATIC = Path(__file__).with_name("static")
_KEEP = {"Cache-Control": "private, max-age=3600"}  # addresses change with what they show


class Mark(BaseModel):
    """Where something is marked."""

    frame: Annotated[int, Field(ge=0)]
    object: Annotated[int, Field(ge=1, le=MOST_OBJECTS)] = 1


class Click(Mark):
    """A point of the full picture, px."""

    x: float
    y: float
    is_in: bool = True


class BoxMark(Mark):
    """Half-open, px."""

    box: tuple[int, int, int, int]


class Stroke(Mark):
    """Points of the full picture, px."""

    points: Annotated[list[tuple[float, float]], Field(max_length=MOST_STROKE_POINTS)]
    radius: float
    is_erasing: bool = False


class Named(BaseModel):
    """An object's name; a number that is not there yet adds it."""

    object: Annotated[int, Field(ge=1, le=MOST_OBJECTS)]
    name: Annotated[str, Field(max_length=200)] = ""


def make_routes(workshop: Workshop) -> APIRouter:
    """The endpoints over that workshop."""
    routes = APIRouter(prefix=PREFIX, include_in_schema=False)

    def studio(request: Request, project: str) -> Studio:
        try:
            return workshop.studio(session_of(request), project)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error

    def changed(request: Request, project: str, act: Callable[[Desk], None]) -> dict[str, Any]:
        found = studio(request, project)
        act(found.desk)
        return found.changes()

    @routes.get("/static/{name}")
    def static(name: str) -> FileResponse:
        path = STATIC / name
        if path.parent != STATIC or not path.is_file():
            raise HTTPException(404, "there is no such file")
        return FileResponse(path, media_type=mimetypes.guess_type(name)[0], headers={"Cache-Control": "no-cache"})

    @routes.get("/{project}/state")
    def state(project: str, request: Request) -> dict[str, Any]:
        return studio(request, project).facts()

    @routes.get("/{project}/frame/{frame}.jpg")
    def frame(project: str, frame: int, request: Request) -> Response:
        return _picture(studio(request, project).desk.shop.jpeg(frame), "image/jpeg")

    @routes.get("/{project}/still/{frame}.png")
    def still(project: str, frame: int, request: Request, is_shallow: bool = False) -> Response:
        name = f'attachment; filename="frame-{frame:06d}.png"'
        content = studio(request, project).desk.shop.still(frame, is_shallow=is_shallow)
        return Response(content, media_type="image/png", headers={"Content-Disposition": name})

    @routes.get("/{project}/overlay/{frame}.png")
    def overlay(project: str, frame: int, request: Request) -> Response:
        return _picture(studio(request, project).desk.overlay(frame), "image/png")

    @routes.get("/{project}/result/{frame}.jpg")
    def result(project: str, frame: int, request: Request) -> Response:
        return _picture(studio(request, project).shown().result(frame), "image/jpeg")

    @routes.get("/{project}/origin/{frame}.png")
    def origin(project: str, frame: int, request: Request) -> Response:
        return _picture(studio(request, project).shown().origin(frame), "image/png")

    @routes.get("/{project}/play/{kind}/{number}.mp4")
    def play(project: str, kind: Literal["source", "result"], number: int, request: Request) -> FileResponse:
        path = studio(request, project).playable(kind).clip(number)
        return FileResponse(path, media_type="video/webm" if path.suffix.lower() == ".webm" else "video/mp4")

    @routes.post("/{project}/click")
    def click(project: str, said: Click, request: Request) -> dict[str, Any]:
        return changed(request, project, lambda desk: desk.click(said.frame, said.object, (said.x, said.y), said.is_in))

    @routes.post("/{project}/box")
    def box(project: str, said: BoxMark, request: Request) -> dict[str, Any]:
        return changed(request, project, lambda desk: desk.box(said.frame, said.object, said.box))

    @routes.post("/{project}/stroke")
    def stroke(project: str, said: Stroke, request: Request) -> dict[str, Any]:
        def draw(desk: Desk) -> None:
            desk.stroke(said.frame, said.object, said.points, said.radius, said.is_erasing)

        return changed(request, project, draw)

    @routes.post("/{project}/undo")
    def undo(project: str, said: Mark, request: Request) -> dict[str, Any]:
        return changed(request, project, lambda desk: desk.undo(said.frame))

    @routes.post("/{project}/paint/{frame}")
    def paint(
        project: str, frame: int, layer: Annotated[bytes, Body(media_type="image/png")], request: Request
    ) -> dict[str, Any]:
        found = studio(request, project)
        told = found.wishes.add_painting(frame, layer)
        return {**found.changes(), "said": told}

    @routes.post("/{project}/object")
    def name(project: str, said: Named, request: Request) -> dict[str, Any]:
        return changed(request, project, lambda desk: desk.name(said.object, said.name))

    @routes.post("/{project}/forget")
    def forget(project: str, said: Named, request: Request) -> dict[str, Any]:
        found = studio(request, project)
        found.forget(said.object)
        return found.changes()

    return routes


def _picture(content: bytes | None, kind: str) -> Response:
    return Response(status_code=204) if content is None else Response(content, media_type=kind, headers=_KEEP)
