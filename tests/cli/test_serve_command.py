"""`heedful serve`: what it refuses before it listens, and a page it serves."""

from __future__ import annotations

import socket

import pytest

from heedful.cli import serve


def test_what_it_refuses_in_one_line(run, tmp_path):
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    for arguments, says in (
        (["--port", str(port)], "try --port 0"),
        (["--port", "70000"], "from 0 to 65535"),
        (["--host", "no.such.host.invalid", "--port", "0"], "cannot listen on no.such.host.invalid"),
        (["--seconds", "0"], "--seconds"),
        (["--port", "0", "--audit", str(tmp_path)], "holds no finished audit"),
        (["--port", "0", "--corpus", str(tmp_path)], "is no corpus"),
        (["--port", "0", "no/such/model"], "no/such/model"),
    ):
        code, out, err = run("serve", *arguments)
        assert (code, out) == (2, "")
        assert says in err.splitlines()[-1]
    taken.close()


def test_it_serves_a_page_on_this_machine_alone(run, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    seen = {}

    def serving(self, sockets):
        seen.update(app=self.config.app, place=sockets[0].getsockname())
        sockets[0].close()

    monkeypatch.setattr(uvicorn.Server, "run", serving)
    code, out, err = run("serve", "--port", "0")
    assert (code, out) == (0, f"http://localhost:{seen['place'][1]}\n")
    assert "Ctrl-C" in err
    assert seen["place"][0] == "127.0.0.1"
    assert serve._address("::1", 5) == "http://localhost:5"
    assert serve._address("fe80::1", 5) == "http://[fe80::1]:5"
