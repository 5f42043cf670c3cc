"""Do what the README tells a newcomer, in an empty environment and with the wheel alone, and see that it takes minutes.

    python .ci/newcomer.py dist/heedful-*.whl constraints.txt README.md SCRATCH

Downloads come first and are not counted. Then the clock runs: environment, installation, the demo, its report opened in
a browser, the README's piece of Python.
"""

import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

MOST_SECONDS = 300
WHEEL, CONSTRAINTS, README, SCRATCH = (Path(word).resolve() for word in sys.argv[1:5])


def run(*words: str | Path, **options: object) -> str:
    """Run a command in the scratch folder; stop with what it said if it fails."""
    done = subprocess.run([*map(str, words)], cwd=SCRATCH, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def python_of(readme: str) -> str:
    """Return the piece of Python below the heading "In Python"."""
    return re.search(r"## In Python\n+```python\n(.*?)```", readme, re.DOTALL)[1]


def demo_of(readme: str) -> list[str]:
    """Return the commands that follow "Without make"."""
    block = re.search(r"Without make:\n\n((?:    .+\n)+)", readme)[1]
    return [line.strip() for line in block.splitlines()]


def main() -> None:
    """Download, then install, run and open, against the clock."""
    readme = README.read_text("utf-8")
    install, demo = demo_of(readme)
    if (install, demo) != ("pip install -c constraints.txt .", "heedful demo"):
        sys.exit(f"the README's first commands have changed to {install!r} and {demo!r}: teach this script")
    check_files(WHEEL, README.parent / "src")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    wheels = SCRATCH / "wheels"
    run(sys.executable, "-m", "pip", "download", "--quiet", "-c", CONSTRAINTS, "-d", wheels, WHEEL)

    started = time.monotonic()
    run(sys.executable, "-m", "venv", "new")
    pip, heedful = SCRATCH / "new" / "bin" / "pip", SCRATCH / "new" / "bin" / "heedful"
    run(pip, "install", "--quiet", "--no-index", "--find-links", wheels, WHEEL)
    installed = time.monotonic()
    environment = {"HEEDFUL_CACHE": str(SCRATCH / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(SCRATCH)}
    said = run(heedful, *demo.split()[1:], env=environment)
    if "Predicted" not in said:
        sys.exit(f"the demo says nothing of a prediction:\n{said}")
    opened = see(SCRATCH / "report.html")
    (SCRATCH / "readme.py").write_text(python_of(readme), "utf-8")
    run(SCRATCH / "new" / "bin" / "python", "readme.py", env=environment)
    seconds, installing = time.monotonic() - started, installed - started
    print(f"newcomer: {seconds:.0f} s without downloads, {installing:.0f} of them installing; the report {opened}")
    if seconds > MOST_SECONDS:
        sys.exit(f"that is more than {MOST_SECONDS} s")


def check_files(wheel: Path, source: Path) -> None:
    """See that the wheel has every file of the package: scripts, styles and templates of the page among them."""
    there = set(zipfile.ZipFile(wheel).namelist())
    names = {path.relative_to(source).as_posix() for path in (source / "heedful").rglob("*") if path.is_file()}
    missing = sorted(name for name in names - there if "__pycache__" not in name)
    page = [name for name in names if name.startswith(("heedful/page/static/", "heedful/page/templates/"))]
    if missing or not page:
        sys.exit(f"{wheel.name} lacks {', '.join(missing) or 'the page'}")


def see(report: Path) -> str:
    """Open the report in a browser, where there is one, and see that it shows the prediction."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return "was not opened: there is no browser here"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={SCRATCH / 'browser'}", "--dump-dom")
    shown = run(browser, *flags, report.as_uri())
    if "Predicted" not in shown or "charming" not in shown:
        sys.exit(f"the browser shows no prediction in {report}")
    return "was opened in a browser"


if __name__ == "__main__":
    main()
