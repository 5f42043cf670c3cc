"""How fast `heedful serve` is: first paint, one exact explanation, and many users at once, each with texts of its own.

    python benchmarks/page.py                     # 50 users for a minute
    python benchmarks/page.py --users 10 --seconds 600   # does memory stay flat?

Prints a line a figure. Every answer is checked: it must hold the words of the text that was sent, and no other user's.
The page is served by a process of its own, whose memory is read before, every minute, and after. First paint needs
chromium and playwright; without them it is left out and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

WORDS = ("dull", "charming", "good", "boring", "superb", "terrible", "wonderful", "plot", "acting", "ending", "film")
MOST_PAINT, MOST_EXACT = 1.0, 0.1  # seconds: what the page promises
MINUTE = 60.0


def main() -> int:
    """Measure, and return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=8931)
    given = parser.parse_args()
    command = [sys.executable, "-c", "from heedful.cli import main; main()", "serve", "demo", "--port", str(given.port)]
    address = f"http://127.0.0.1:{given.port}"
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ours
    try:
        print(f"started in {wait_for(address, server):.1f} s")
        exact = exact_seconds(address)
        print(f"exact explanation: median {1e3 * statistics.median(exact):.0f} ms, largest {1e3 * max(exact):.0f} ms")
        paint = first_paint(address)
        print(
            "first paint: not measured, it needs chromium and playwright"
            if paint is None
            else f"first paint: {paint:.2f} s"
        )
        memory = [resident(server.pid)]
        counts = asyncio.run(crowd(address, given.users, given.seconds, lambda: memory.append(resident(server.pid))))
        memory.append(resident(server.pid))
        print(json.dumps(counts))
        print(f"memory of the server, before, every minute and after: {', '.join(f'{mb:.0f}' for mb in memory)} MB")
    finally:
        server.terminate()
        server.wait(20)
    broken = counts["errors"] or counts["mixed"] or statistics.median(exact) > MOST_EXACT
    return int(bool(broken or (paint is not None and paint > MOST_PAINT)))


def wait_for(address: str, server: subprocess.Popen[str]) -> float:
    """Return the seconds until the page answers."""
    started = time.perf_counter()
    while time.perf_counter() < started + 300:
        if server.poll() is not None:
            raise SystemExit(f"the server stopped: {server.stderr.read() if server.stderr else ''}")
        try:
            if httpx.get(address).status_code == 200:
                return time.perf_counter() - started
        except httpx.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def text_of(user: int, turn: int) -> str:
    """Return a text that no other user sends: its number is a word of it."""
    drawn = random.Random(1000 * user + turn)  # noqa: S311 - words
    return f"user{user} saw {' '.join(drawn.choice(WORDS) for _ in range(12))} number{turn}"


def exact_seconds(address: str, times: int = 20) -> list[float]:
    """Return the seconds of exact explanations of new texts, asked one by one."""
    seconds = []
    with httpx.Client(base_url=address, timeout=60) as client:
        for turn in range(times + 2):
            started = time.perf_counter()
            given = {"text": text_of(9999, turn), "methods": ["shapley-exact"]}
            client.post("/api/explain", json=given).raise_for_status()
            seconds.append(time.perf_counter() - started)
    return seconds[2:]


def first_paint(address: str) -> float | None:
    """Return the seconds to the first contentful paint in a fresh tab."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        browser.close()
    return float(painted) / 1000


async def crowd(address: str, users: int, seconds: float, each_minute: Callable[[], None]) -> dict[str, float]:
    """Let users ask, each its next text as soon as the last is answered; count answers, errors and mixed-up ones."""
    counts = {"users": users, "answers": 0, "errors": 0, "mixed": 0}
    taken: list[float] = []
    until = time.perf_counter() + seconds

    async def one(user: int, client: httpx.AsyncClient) -> None:
        turn = 0
        while time.perf_counter() < until:
            text, turn = text_of(user, turn), turn + 1
            removed = [2] if turn % 3 == 0 else []
            given = {"text": text, "methods": ["shapley-exact", "attention-mean"], "removed": removed}
            started = time.perf_counter()
            try:
                answer = await client.post("/api/explain", json=given)
                answer.raise_for_status()
            except httpx.HTTPError:
                counts["errors"] += 1
                continue
            taken.append(time.perf_counter() - started)
            counts["answers"] += 1
            counts["mixed"] += "".join(piece[0] for piece in answer.json()["pieces"]) != text

    async def minutes() -> None:
        while time.perf_counter() + MINUTE < until:
            await asyncio.sleep(MINUTE)
            each_minute()

    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=address, timeout=90, limits=limits) as client:
        await asyncio.gather(minutes(), *(one(user, client) for user in range(users)))
    ordered = sorted(taken) or [0.0]
    return counts | {
        "a_second": round(counts["answers"] / seconds, 1),
        "median_ms": round(1e3 * statistics.median(ordered)),
        "p95_ms": round(1e3 * ordered[int(0.95 * (len(ordered) - 1))]),
    }


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB, as Linux tells it."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
