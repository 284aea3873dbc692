"""The program's own source files, parsed once for the tests of this folder."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOREYS = ("meshing", "sim", "scenarios", "viewer")


def source_files(*folders: str) -> list[Path]:
    """List the Python files of these folders, of the four packages if none is named."""
    return sorted(path for folder in folders or STOREYS for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """Parse one source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_names(tree: ast.AST) -> set[str]:
    """Give the dotted names that this piece of code imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def imported_on_loading(path: Path) -> set[str]:
    """Give the dotted names imported when the module is loaded: those outside functions and outside `if TYPE_CHECKING`."""
    names: set[str] = set()
    waiting: list[ast.AST] = [*parsed(path).body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= imported_names(node)
        waiting.extend(ast.iter_child_nodes(node))
    return names
