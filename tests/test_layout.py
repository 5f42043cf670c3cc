"""How the package is laid out: which way imports point, how much stands at the top, and what is imported late."""

import ast
from pathlib import Path

import grimp
import pytest

SOURCE = Path(__file__).parents[1] / "src" / "heedful"

# From what people call down to what knows nothing of explanations: imports run down these lines or not at all, and
# never between two packages of one line.
LINES = (
    ("cli",),
    ("page",),
    ("studies",),
    ("auditing",),
    ("corpus",),
    ("api",),
    ("render",),
    ("explaining",),
    ("metrics",),
    ("methods",),
    ("question",),
    ("classifier", "remedies"),
    ("models",),
    ("games", "data", "runs"),
    ("explanation",),
    ("text",),
    ("support",),
    ("errors",),
)
LINE = {package: line for line, packages in enumerate(LINES) for package in packages}

# The only imports upward, both of them late: views of an explanation, and a ratio game asked for by a text.
UPWARD = {
    ("heedful.explanation.saving", "heedful.render.views"),
    ("heedful.games.ratio", "heedful.question"),
}
# Of the rest of the package, which importing it alone must not bring along.
UNKNOWN_TO_GAMES = ("heedful.text", "heedful.classifier", "heedful.models", "heedful.question", "transformers")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "heedful", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def imports(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Who imports whom, within the package, but for the exceptions."""
    ours = {module for module in graph.modules if module.startswith("heedful.")}
    return {
        (module, other) for module in ours for other in graph.find_modules_directly_imported_by(module) & ours
    } - UPWARD


def package(module: str) -> str:
    return module.split(".")[1]


def test_imports_point_down(graph: grimp.ImportGraph) -> None:
    across = {(a, b) for a, b in imports(graph) if package(a) != package(b)}
    upward = {(a, b) for a, b in across if LINE[package(a)] >= LINE[package(b)]}
    assert not upward


def test_every_exception_is_still_needed(graph: grimp.ImportGraph) -> None:
    assert {pair for pair in UPWARD if pair[1] in graph.find_modules_directly_imported_by(pair[0])} == UPWARD


def test_no_circle(graph: grimp.ImportGraph) -> None:
    """Modules that import one another, directly or by others, are one module in pieces."""
    left = imports(graph)
    while True:
        importing = {a for a, _ in left}
        without = {(a, b) for a, b in left if b in importing}
        if without == left:
            break
        left = without
    assert not left


def test_games_know_no_text(graph: grimp.ImportGraph) -> None:
    games = {module for module in graph.modules if module.startswith("heedful.games")}
    known = {other for module in games for other in graph.find_modules_directly_imported_by(module)}
    known -= {other for module, other in UPWARD if module in games}
    assert not [name for name in known for other in UNKNOWN_TO_GAMES if name == other or name.startswith(f"{other}.")]


def test_few_modules_stand_at_the_top() -> None:
    assert sorted(path.stem for path in SOURCE.glob("*.py")) == ["__init__", "api", "errors"]


def late_imports() -> list[str]:
    """Imports of our own inside functions, as file:line."""
    places = []
    for path in sorted(SOURCE.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                places += [
                    f"{path.relative_to(SOURCE)}:{node.lineno}"
                    for node in ast.walk(function)
                    if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "heedful")
                    or (isinstance(node, ast.Import) and node.names[0].name.split(".")[0] == "heedful")
                ]
    return sorted(set(places))


def test_few_imports_are_late_and_each_says_why() -> None:
    places = late_imports()
    assert len(places) <= 12, places
    for place in places:
        name, line = place.split(":")
        assert "# late: " in (SOURCE / name).read_text("utf-8").splitlines()[int(line) - 1], place
