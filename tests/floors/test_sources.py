"""How the code reads: every module says what it is, and none grows beyond what can be held in the head."""

import ast

from tests.floors.sources import ROOT, parsed, source_files

LONGEST_FILE = 440
LONGEST_FUNCTION = 70
LONGEST_KERNEL = 90
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "misc"}


def test_every_module_says_what_it_is():
    assert not [str(path.relative_to(ROOT)) for path in source_files() if not ast.get_docstring(parsed(path))]


def test_every_public_class_and_function_says_what_it_does():
    silent = []
    for path in source_files():
        for node in parsed(path).body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert not silent


def test_files_are_short():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert not {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE}


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether Taichi compiles this function."""
    return any(ast.unparse(decorator).split(".")[-1] in ("kernel", "func") for decorator in function.decorator_list)


def test_functions_are_short():
    long = []
    for path in source_files():
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                factory = any(isinstance(inner, ast.FunctionDef) and is_kernel(inner) for inner in node.body)
                if length > (LONGEST_KERNEL if is_kernel(node) or factory else LONGEST_FUNCTION):
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines")
    assert not long


def test_file_names_say_something():
    assert not [str(path.relative_to(ROOT)) for path in source_files() if path.stem in NAMES_THAT_SAY_NOTHING]


def test_no_path_of_a_machine_stands_in_the_sources():
    marks = ("/" + "work/", "/" + "home/", "/" + "tmp/")
    others = [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", "CHANGELOG.md")]
    files = [*source_files(), *source_files("tests", "benchmarks"), *others]
    assert not [str(path.relative_to(ROOT)) for path in files if any(mark in path.read_text(encoding="utf-8") for mark in marks)]
