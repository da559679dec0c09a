"""The same jobs over HTTP, for scripts: send a video or name one, follow it, fetch the result. See docs/server.md."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from cleanplate.apps.jobs.queue import Jobs, NoSuchJobError
from cleanplate.apps.jobs.state import Event, JobFacts, JobState
from cleanplate.apps.project import Project
from cleanplate.apps.rest import texts
from cleanplate.apps.rest.order import read_order
from cleanplate.apps.rest.upload import Upload, receive
from cleanplate.apps.server.guard import session_of
from cleanplate.apps.table import TASKS, marks_kinds
from cleanplate.base.errors import CleanplateError, UsageError
from cleanplate.base.report import report_path

_LOOK_S = 0.25
_QUIET_S = 15.0
"after which a follower is sent an empty line, so that nothing between takes the connection for dead"


@dataclass(frozen=True, kw_only=True)
class JobSaid(JobFacts):
    """How a job stands, and where to go on from here."""

    progress: Event
    "what happened last"
    ahead: int
    "how many jobs are started before it"
    links: dict[str, str]
    "where its events are, and once it is done its result, masks, report and, if asked for, origin"


def make_app(jobs: Jobs, *, root: Path | None = None) -> FastAPI:
    """The routes. They have to stand behind a `Guard`, which gives every request its session."""
    app = FastAPI(
        title="cleanplate",
        version=version("cleanplate"),
        description=texts.ABOUT,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
    )

    @app.exception_handler(CleanplateError)
    async def say(_: Request, error: CleanplateError) -> JSONResponse:
        code = 404 if isinstance(error, NoSuchJobError) else 422
        return JSONResponse({"error": str(error)}, code)

    @app.exception_handler(OSError)
    async def say_why(_: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"error": f"the server cannot write this: {error.strerror or error}"}, 507)

    @app.exception_handler(HTTPException)
    async def say_too(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.get("/tasks", tags=["tasks"], summary="What can be asked for", description=texts.TASKS)
    def tasks() -> dict[str, Any]:
        def said(spec: Any) -> dict[str, Any]:
            settings = {name: {"takes": one.said, "default": one.default} for name, one in spec.settings().items()}
            return {"title": spec.title, "summary": spec.summary, "makes": spec.makes, "settings": settings}

        marks = {name: {"takes": one.said} for name, one in marks_kinds().items()}
        return {"tasks": {name: said(spec) for name, spec in TASKS.items()}, "marks": marks}

    @app.post(
        "/jobs",
        tags=["jobs"],
        status_code=201,
        summary="Send a job",
        description=texts.POST,
        openapi_extra=texts.POST_BODY,
    )
    async def send(request: Request, response: Response) -> JobSaid:
        kind, owner = request.headers.get("content-type", ""), session_of(request)
        folder = jobs.room()
        try:
            if kind.partition(";")[0].strip().lower() == "application/json":
                upload = Upload(job=await request.body())
            else:
                upload = await receive(request.stream(), kind, folder)
            job = await run_in_threadpool(_submit, upload, folder, owner)
        finally:
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)  # unless it is the job's own now
        response.headers["location"] = f"/jobs/{job.id}"
        return _said(job, owner)

    def _submit(upload: Upload, folder: Path, owner: str) -> JobState:
        project, name = read_order(upload, folder, root)
        return jobs.submit(project, owner, name, moves=True)

    def _said(job: JobState, owner: str) -> JobSaid:
        facts = {name: getattr(job, name) for name in JobFacts.__annotations__ if name in vars(job)}
        names = ("events", *_files_of(job))
        return JobSaid(
            **facts,
            progress=jobs.last(job.id, owner),
            ahead=jobs.ahead(job.id, owner),
            links={name: f"/jobs/{job.id}/{name}" for name in names},
        )

    @app.get("/jobs", tags=["jobs"], summary="The jobs of this session, the newest first")
    def list_jobs(request: Request) -> list[JobSaid]:
        owner = session_of(request)
        return [_said(job, owner) for job in jobs.of(owner)]

    @app.get("/jobs/{job_id}", tags=["jobs"], summary="How a job stands")
    def get(job_id: str, request: Request) -> JobSaid:
        owner = session_of(request)
        return _said(jobs.get(job_id, owner), owner)

    @app.delete("/jobs/{job_id}", tags=["jobs"], summary="Cancel or forget a job", description=texts.DELETE)
    def delete(job_id: str, request: Request) -> JobSaid:
        owner = session_of(request)
        job = jobs.get(job_id, owner)
        if not job.has_ended:
            return _said(jobs.cancel(job_id, owner), owner)
        said = replace(_said(job, owner), links={})
        jobs.delete(job_id, owner)
        return said

    @app.post("/jobs/{job_id}/again", tags=["jobs"], summary="Go on with a job", description=texts.AGAIN)
    def again(job_id: str, request: Request) -> JobSaid:
        owner = session_of(request)
        return _said(jobs.again(job_id, owner), owner)

    @app.get("/jobs/{job_id}/events", tags=["jobs"], summary="Its progress, as it goes", description=texts.EVENTS)
    async def events(
        job_id: str,
        request: Request,
        start: Annotated[int, Query(alias="from", description="The number of the first event wanted.", ge=0)] = 0,
    ) -> StreamingResponse:
        owner = session_of(request)
        jobs.get(job_id, owner)  # 404 before anything is sent
        last = request.headers.get("last-event-id", "")
        begin = int(last) + 1 if last.isdecimal() else start
        return StreamingResponse(
            _lines(job_id, owner, begin), media_type="text/event-stream", headers={"cache-control": "no-cache"}
        )

    async def _lines(job_id: str, owner: str, start: int) -> AsyncIterator[str]:
        quiet_s = 0.0
        try:
            while True:
                has_ended = jobs.get(job_id, owner).has_ended
                found = jobs.events(job_id, owner, start)
                for event in found:
                    yield f"id: {event.n}\ndata: {json.dumps(event.to_json())}\n\n"
                start += len(found)
                if found:
                    quiet_s = 0.0
                elif has_ended:
                    return
                else:
                    await asyncio.sleep(_LOOK_S)
                    quiet_s += _LOOK_S
                    if quiet_s >= _QUIET_S:
                        quiet_s = 0.0
                        yield ":\n\n"
        except NoSuchJobError:  # deleted meanwhile
            return

    def _file(job_id: str, request: Request, what: str) -> FileResponse:
        owner = session_of(request)
        job = jobs.get(job_id, owner)
        files = _files_of(job)
        if what not in files:
            raise HTTPException(409, f"the job is {job.state}, and has no {what}; follow /jobs/{job_id}/events")
        name = f"{Path(job.name).stem}-{job.task if what == 'result' else what}{files[what].suffix}"
        return FileResponse(
            files[what], filename=name, content_disposition_type="inline", headers={"cache-control": "private"}
        )

    @app.get("/jobs/{job_id}/result", tags=["files"], summary="The result", description=texts.RESULT)
    def result(job_id: str, request: Request) -> FileResponse:
        return _file(job_id, request, "result")

    @app.get("/jobs/{job_id}/masks", tags=["files"], summary="The masks it was made with", description=texts.MASKS)
    def masks(job_id: str, request: Request) -> FileResponse:
        return _file(job_id, request, "masks")

    @app.get("/jobs/{job_id}/report", tags=["files"], summary="The report", description=texts.REPORT)
    def report(job_id: str, request: Request) -> FileResponse:
        return _file(job_id, request, "report")

    @app.get("/jobs/{job_id}/origin", tags=["files"], summary="Where its samples came from", description=texts.ORIGIN)
    def origin(job_id: str, request: Request) -> FileResponse:
        return _file(job_id, request, "origin")

    app.openapi = lambda: _described(FastAPI.openapi(app))  # type: ignore[method-assign]  # how FastAPI has it replaced
    return app


def _files_of(job: JobState) -> dict[str, Path]:
    """What a job that is done has to fetch, by the last part of its address."""
    if job.state != "done":
        return {}
    try:
        project = Project.open(job.folder)
    except UsageError:  # a version before this one made it, with what is not known any more
        return {}
    masks = project.kept_masks.with_name(f"{project.kept_masks.name}.zip")
    files = {
        "result": masks if project.spec.makes == "masks" else project.output,
        "masks": masks,
        "report": report_path(project.output),
        "origin": project.origin_map,
    }
    return {name: path for name, path in files.items() if path.is_file()}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's schema with the words under the fields that `JobSaid` inherits, which pydantic does not look for."""
    fields = schema["components"]["schemas"]["JobSaid"]["properties"]
    for name, field in TypeAdapter(JobFacts).json_schema()["properties"].items():
        fields[name] |= field
    return schema
