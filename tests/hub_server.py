"""A hub on this machine: it serves the files of one data set by the hub's own paths."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def served(name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve a data set, `owner/name`, and yield the address of the hub."""

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.answer(body=True, asked=self.rfile.read(length))

        def answer(self, *, body: bool, asked: bytes = b"") -> None:
            address = urlsplit(self.path)
            path = unquote(address.path)
            repository = f"/datasets/{name}/resolve/"
            if path.startswith(repository):
                content = files.get(path.removeprefix(repository).partition("/")[2])
            else:
                content = api(path, address.query, asked)
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                content, body = b"", False
            else:
                self.send_part(content)
                content = content[self.start : self.end]
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def send_part(self, content: bytes) -> None:
            self.start, self.end = 0, len(content)
            wanted = self.headers.get("Range", "")
            if wanted.startswith("bytes="):
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                self.start, self.end = int(first), min(int(last) + 1 if last else len(content), len(content))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {self.start}-{self.end - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:40]}"')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def api(path: str, query: str, asked: bytes) -> bytes | None:
        base = f"/api/datasets/{name}"
        entries = [
            {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha256(content).hexdigest()[:40]}
            for file, content in files.items()
        ]
        about = {"id": name, "sha": COMMIT, "private": False, "gated": False, "disabled": False, "tags": []}
        if path in (base, f"{base}/revision/main", f"{base}/revision/{COMMIT}"):
            return json.dumps(about | {"siblings": [{"rfilename": file} for file in files]}).encode()
        if path.startswith(f"{base}/tree/"):
            below = path.removeprefix(f"{base}/tree/").partition("/")[2]
            return listing(entries, f"{below}/" if below else "", recursive="recursive=true" in query.lower())
        if path.startswith(f"{base}/paths-info/"):
            wanted = json.loads(asked)["paths"]
            return json.dumps([one for one in entries if one["path"] in wanted]).encode()
        return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def listing(entries: list[dict[str, object]], below: str, *, recursive: bool) -> bytes | None:
    """List the files and folders in a folder, or all that is below it."""
    inside = [one for one in entries if str(one["path"]).startswith(below)]
    if not inside:
        return None
    if recursive:
        return json.dumps(inside).encode()
    here = [one for one in inside if "/" not in str(one["path"]).removeprefix(below)]
    names = {str(one["path"]).removeprefix(below).partition("/")[0] for one in inside if one not in here}
    folders = [{"type": "directory", "path": below + one, "size": 0, "oid": COMMIT} for one in sorted(names)]
    return json.dumps([*here, *folders]).encode()
