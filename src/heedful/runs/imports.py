"""Which files of a package a module depends on, told from import statements; nothing is imported to find out.

The rule, for imports at the top of a module or within its functions:

- `from package.module import name`, `from package import module` and `import package.module` count that module, and
  what it imports in turn.
- `from package import name`, where the package's `__init__` imports the name from elsewhere: it counts where the name
  comes from. The `__init__` itself does not count, so a method added to a registry changes nothing for the others.
- A package imported as itself, or a name that its `__init__` defines, such as a registry's look-up: all its modules
  count, since nobody can tell which of them will be used.
- What is imported under `if TYPE_CHECKING` is for annotations and does not count, nor do the parts that only show
  results where a function imports them: the views of an explanation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from heedful.runs.stamp import digest

_INIT = "__init__.py"
_VIEWS = (["cli"], ["page"], ["render"])  # packages that show results
_Import: TypeAlias = tuple[str, str | None]  # a module, and a name in it or None: the module itself


class Sources:
    """The source files of a package, each read once.

    Attributes:
        folder: of the package; default: heedful's own.

    Example:
        >>> [path.name for path in Sources().closure(Path(__file__))]
        ['errors.py', 'imports.py', 'stamp.py', 'tables.py', 'files.py']
    """

    def __init__(self, folder: Path = Path(__file__).parents[1]) -> None:
        self.folder = folder.resolve()
        self._files: dict[Path, _File] = {}
        self._next: dict[Path, set[Path]] = {}

    def closure(self, *roots: Path) -> list[Path]:
        """Return the roots and all files of the package that they reach by imports, in the order of their paths."""
        reached: set[Path] = set()
        waiting = [root.resolve() for root in roots]
        while waiting:
            path = waiting.pop()
            if path not in reached:
                reached.add(path)
                waiting += self._reached_from(path)
        return sorted(reached)

    def digest(self, *roots: Path) -> str:
        """Return a digest of the names and contents of `closure`; the same wherever the package is installed."""
        contents = {}
        for path in self.closure(*roots):
            inside = path.is_relative_to(self.folder)
            contents[path.relative_to(self.folder).as_posix() if inside else path.name] = self._file(path).content
        return digest(*(part for named in sorted(contents.items()) for part in named))

    def _reached_from(self, path: Path) -> set[Path]:
        """The files that one file's own imports count."""
        if path not in self._next:
            self._next[path] = {target for wanted in self._file(path).imports for target in self._targets(wanted)}
        return self._next[path]

    def _file(self, path: Path) -> _File:
        if path not in self._files:
            self._files[path] = _File(path, self.folder)
        return self._files[path]

    def _targets(self, wanted: _Import, seen: frozenset[_Import] = frozenset()) -> list[Path]:
        """The files that an import of one name counts."""
        module, name = wanted
        path = self._path(module)
        if path is None:
            return []
        if name is None or path.name != _INIT:
            return self._whole(path)
        if (inner := self._path(f"{module}.{name}")) is not None:
            return self._whole(inner)
        bound = self._file(path).bindings.get(name)
        return self._whole(path) if bound is None or bound in seen else self._targets(bound, seen | {bound})

    def _whole(self, path: Path) -> list[Path]:
        return sorted(path.parent.rglob("*.py")) if path.name == _INIT else [path]

    def _path(self, module: str) -> Path | None:
        """The file of a module of the package; None for others."""
        first, *rest = module.split(".")
        if first != self.folder.name:
            return None
        path = self.folder.joinpath(*rest)
        candidates = (path / _INIT, path.with_name(f"{path.name}.py"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)


class _File:
    """One source file: its content and the imports in it."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.content = path.read_bytes()
        package = path.parent.relative_to(folder.parent).parts if path.is_relative_to(folder) else ()
        imports = _imports(self.content, package)
        self.imports = [wanted for _, wanted, counts in imports if counts]  # when the module runs
        # where names come from: an import for annotations says it of a name that is there only once it is asked for
        self.bindings = {name: wanted for name, wanted, _ in imports}


@lru_cache(maxsize=1024)
def _imports(content: bytes, package: tuple[str, ...]) -> list[tuple[str, _Import, bool]]:
    """All imports: the name bound, what is imported, and whether that counts; `package` is what dots start from."""
    try:
        tree = ast.parse(content)
    except SyntaxError:  # no Python file
        return []
    imports = []
    for node, where in _statements(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in node.names:
                wanted = _wanted(node, name.name, package)
                view = where == "function" and wanted[0].split(".")[1:2] in _VIEWS
                imports.append((name.asname or name.name, wanted, where != "typing" and not view))
    return imports


def _wanted(node: ast.Import | ast.ImportFrom, name: str, package: tuple[str, ...]) -> _Import:
    if isinstance(node, ast.Import):
        return name, None
    base = package[: len(package) + 1 - node.level] if node.level else ()
    return ".".join([*base, *([node.module] if node.module else [])]), None if name == "*" else name


def _statements(node: ast.AST, where: str = "module") -> Iterator[tuple[ast.AST, str]]:
    """All nodes below one, and whether each stands at the level of the "module", in a "function", or for "typing"."""
    yield node, where
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        where = "function"
    for field, value in ast.iter_fields(node):
        guarded = isinstance(node, ast.If) and field == "body" and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _statements(child, "typing" if guarded else where)
