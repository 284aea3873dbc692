"""What pip installs: the four packages, their data and templates, and no import that was not asked for."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.floors.sources import ROOT, STOREYS, imported_names, parsed, source_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Modules of optional libraries whose distributions bear another name and may not be installed here.
OWNERS = {"igl": "libigl"}
# What a file, or every file of a folder, may import beyond what the program depends on.
NEEDS_EXTRAS = {
    "desktop": ("gui",), "browser": ("web",), "room.py": ("gui", "web"), "gamepad.py": ("gamepad",), "film.py": ("video",),
    "pdf.py": ("pdf",),
}  # fmt: skip
BROUGHT = packages_distributions()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(requirement: str) -> str:
    """Give the name of the distribution that a requirement asks for, as package indexes compare names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def undeclared(paths: list[Path], declared: set[str]) -> set[str]:
    """Give the imported libraries that none of the declared distributions brings by its own name."""
    names = {name.split(".")[0] for path in paths for name in imported_names(parsed(path))}
    ours = {*STOREYS, "tests", "benchmarks", ""}
    outside = {name for name in names if name not in sys.stdlib_module_names and name not in ours}
    owners = {name: BROUGHT.get(name, [OWNERS.get(name, name)]) for name in outside}
    return {name for name in outside if not {canonical(owner) for owner in owners[name]} & declared}


def test_every_imported_library_is_declared():
    declared = {canonical(requirement) for requirement in PROJECT["dependencies"]}
    optional = {canonical(requirement) for extra in PROJECT["optional-dependencies"].values() for requirement in extra}
    # A window, a page, a gamepad and a film are extras, and nothing but they needs them.
    for path in source_files():
        extras = [extra for name in (path.name, path.parent.name) for extra in NEEDS_EXTRAS.get(name, ())]
        brought = {canonical(one) for extra in extras for one in PROJECT["optional-dependencies"][extra]}
        assert not undeclared([path], declared | brought), path
    assert not undeclared(source_files("tests", "benchmarks"), declared | optional)


def test_every_declared_library_is_used():
    text = " ".join(name for path in source_files() for name in imported_names(parsed(path)))
    for requirement in PROJECT["dependencies"]:
        name = canonical(requirement)
        modules = {module for module, owners in BROUGHT.items() if name in {canonical(owner) for owner in owners}} or {name}
        assert any(re.search(rf"\b{re.escape(module)}\b", text) for module in modules), name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel that a person installs."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return folder / run.stdout.strip().splitlines()[-1]


def test_the_wheel_holds_packages_data_templates_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(path.relative_to(ROOT).as_posix()) for path in source_files()}
    assert sources <= names
    assert {f"{storey}/py.typed" for storey in STOREYS} <= names
    assets = {path for path in (ROOT / "assets").rglob("*") if path.is_file()}
    assert {f"scenarios/assets/{path.relative_to(ROOT / 'assets').as_posix()}" for path in assets} <= names
    templates = {path for path in (ROOT / "viewer" / "templates").iterdir() if path.is_file()}
    assert {f"viewer/templates/{path.name}" for path in templates} <= names
    assert {name.split("/")[0] for name in names} <= {*STOREYS, f"vesalius-{PROJECT['version']}.dist-info"}


def test_data_and_templates_are_found_from_an_installed_wheel(wheel, tmp_path):
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "from scenarios.assets import assets_folder; from viewer.report import template_folder\n"
        "print(assets_folder()); print(template_folder())"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(installed / "scenarios" / "assets"), str(installed / "viewer" / "templates")]


def test_an_unknown_asset_is_told_with_what_there_is():
    from meshing.errors import InputError
    from scenarios.assets import assets_folder, find_asset

    assert find_asset(".") == assets_folder() / "."
    with pytest.raises(InputError, match=r"no asset 'no-such\.toml'"):
        find_asset("no-such.toml")


def test_the_console_script_names_a_function():
    module, function = PROJECT["scripts"]["vesalius"].split(":")
    tree = parsed(ROOT / (module.replace(".", "/") + ".py"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
