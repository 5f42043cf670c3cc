"""The web application: its routes. Every answer is JSON, or a file; every error is one line that says what to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from heedful.errors import HeedfulError, SettingError
from heedful.page import folders, looks, shell, uploads, view
from heedful.page.asked import Ask, names, units
from heedful.page.export import exported
from heedful.page.guard import Guard, Hosts
from heedful.page.joint import joint
from heedful.page.limits import status_of
from heedful.page.served import Served
from heedful.page.workers import Deadline, Workers
from heedful.support.visible import shortened, visible

Json = dict[str, Any]
Work = Callable[[Deadline], Any]
Given = dict[str, Any]


def create_app(served: Served, hosts: Hosts | None = None) -> Any:
    """Make the application.

    Args:
        served: models, audits, corpora and limits.
        hosts: names it may be asked under; loopback names if None.
    """
    workers = Workers(served.limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    app = FastAPI(
        title="heedful", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=lifespan
    )
    app.add_middleware(Guard, hosts=hosts or Hosts("127.0.0.1"), limits=served.limits)
    app.state.workers = workers
    app.add_exception_handler(HeedfulError, _told)
    app.add_exception_handler(HTTPException, _refused)
    _add_pages(app, served)
    _add_questions(app, served, workers)
    _add_folders(app, served, workers)
    return app


def _add_pages(app: FastAPI, served: Served) -> None:
    page = shell.page(served)

    @app.get("/")
    async def index() -> Response:
        return Response(page, media_type="text/html; charset=utf-8")

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        try:
            content, kind = shell.static(name)
        except SettingError as error:
            return JSONResponse({"error": str(error)}, 404)
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})


def _add_questions(app: FastAPI, served: Served, workers: Workers) -> None:
    """The routes that ask a model something."""

    async def run(request: Request, work: Callable[[Given, Deadline], Any]) -> Response:
        given = await _json(request)
        return JSONResponse(await workers.run(lambda deadline: work(given, deadline), partial(_left, request)))

    def methods(given: Given) -> tuple[str, ...]:
        return names(given.get("methods", []), "methods", served.limits.methods)

    @app.post("/api/explain")
    async def explain(request: Request) -> Response:
        def work(given: Given, deadline: Deadline) -> Json:
            return view.answer(served, Ask.read(given, served.limits), methods(given), deadline.check)

        return await run(request, work)

    @app.post("/api/joint")
    async def together(request: Request) -> Response:
        def work(given: Given, deadline: Deadline) -> Json:
            one, chosen = Ask.read(given, served.limits), units(given.get("words", []), "words")
            left = _left_of(served, one)
            if any(word not in left for word in chosen):
                raise SettingError("a selected word is removed: put it back, or select another")
            return joint(served.question(one), [left.index(word) for word in chosen], deadline.check)

        return await run(request, work)

    @app.post("/api/heads")
    async def heads(request: Request) -> Response:
        def work(given: Given, _: Deadline) -> Json:
            one = Ask.read(given, served.limits)
            (layer,) = units([given.get("layer", -1)], "layer")
            return looks.heads(served.question(one), layer, len(served.whole(one).units), _left_of(served, one))

        return await run(request, work)

    @app.post("/api/curves")
    async def curves(request: Request) -> Response:
        def work(given: Given, deadline: Deadline) -> Json:
            return looks.curves(served, Ask.read(given, served.limits), methods(given), deadline.check)

        return await run(request, work)

    @app.post("/api/noise")
    async def noise(request: Request) -> Response:
        def work(given: Given, deadline: Deadline) -> Json:
            one = Ask.read(given, served.limits)
            (count,) = units([given.get("samples", 100)], "samples")
            question = served.question(one)
            drawn = looks.noise(question, count, deadline.check)
            return view.about(served.whole(one), question) | {"left": list(question.units.strings)} | drawn

        return await run(request, work)

    @app.post("/api/export")
    async def export(request: Request) -> Response:
        given = await _json(request)

        def work(deadline: Deadline) -> tuple[str, str, str]:
            one = Ask.read(given, served.limits)
            return exported(served, one, methods(given), str(given.get("format")), deadline.check)

        content, kind, name = await workers.run(work, partial(_left, request))
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=kind, headers=headers)


def _add_folders(app: FastAPI, served: Served, workers: Workers) -> None:
    """The routes that read a file or a folder."""

    @app.post("/api/upload")
    async def upload(request: Request) -> Response:
        async with request.form(max_files=1, max_fields=4) as form:
            file, column = form.get("file"), form.get("column")
            if file is None or isinstance(file, str):
                raise SettingError("choose a .csv or .parquet file first")
            content, name = await file.read(), file.filename or ""
        wanted = column if isinstance(column, str) else None

        def work(_: Deadline) -> Json:
            return uploads.listed(name, content, wanted, served.limits)

        return JSONResponse(await workers.run(work, partial(_left, request)))

    @app.post("/api/audit")
    async def audit(request: Request) -> Response:
        given = await _json(request)
        one = folders.pick(given.get("name"), served.audits, "audit")

        def work(_: Deadline) -> Json:
            if given.get("metric") is None:
                return folders.audit_overview(one)
            metric, method = str(given["metric"]), str(given.get("method"))
            ascending, offset = bool(given.get("ascending")), _offset(given)
            return folders.audit_texts(one, metric=metric, method=method, offset=offset, ascending=ascending)

        return JSONResponse(await workers.run(work, partial(_left, request)))

    @app.post("/api/corpus")
    async def corpus(request: Request) -> Response:
        given = await _json(request)
        one = folders.pick(given.get("name"), served.corpora, "corpus")

        def work(_: Deadline) -> Json:
            if given.get("first") is None:
                return dict(one.overview())
            second = given.get("second")
            return dict(
                one.rows(
                    word=str(given.get("word", ""))[:200],
                    first=str(given["first"]),
                    second=None if second is None else str(second),
                    order=str(given.get("order", "row")),
                    offset=_offset(given),
                )
            )

        return JSONResponse(await workers.run(work, partial(_left, request)))


def _left_of(served: Served, given: Ask) -> list[int]:
    """The units that are not removed."""
    return [unit for unit in range(len(served.whole(given).units)) if unit not in given.removed]


def _offset(given: Given) -> int:
    (offset,) = units([given.get("offset", 0)], "offset")
    if not 0 <= offset <= 100_000_000:
        raise SettingError("offset must be a number of rows from 0")
    return offset


async def _json(request: Request) -> Given:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise SettingError("send JSON, as application/json")
    try:
        given = json.loads(await request.body())
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SettingError("the request holds half of a surrogate pair, which is no character of Unicode") from None
    except (ValueError, RecursionError):
        raise SettingError("the request is not JSON") from None
    if not isinstance(given, dict):
        raise SettingError("the request must be a JSON object")
    return given


async def _left(request: Request) -> None:
    """Wait until whoever asked is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _told(_: Request, error: Exception) -> Response:
    status = status_of(error)
    headers = {"retry-after": "3"} if status == 503 else {}
    return JSONResponse({"error": visible(" ".join(str(error).split()))}, status, headers=headers)


async def _refused(_: Request, error: Exception) -> Response:
    """What the framework refuses, in the page's form."""
    status, detail = getattr(error, "status_code", 400), str(getattr(error, "detail", error))
    says = {404: "there is no such page here: open /", 405: "this is not asked for in that way: open /"}
    answer = {"error": says.get(status, f"the request cannot be read: {shortened(' '.join(detail.split()), 200)}")}
    return JSONResponse(answer, status, headers=getattr(error, "headers", None))
