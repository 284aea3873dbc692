"""The storeys stand on one another in one direction, and light doors stay light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.floors.sources import ROOT, STOREYS, imported_names, imported_on_loading, parsed, source_files

# Kernels are compiled when they are first run, yet their decorators stand where a module is loaded.
KERNELS = (ROOT / "sim", ROOT / "viewer" / "xray")
LATE = {"pyvista", "vtk", "vtkmodules", "pyacvd", "matplotlib", "pydicom", "highdicom", "jinja2", "taichi"}
ONLY_IN = {"desktop": {"PySide6", "pyvistaqt", "qtpy"}, "browser": {"trame", "trame_vtk", "aiohttp"}}


@pytest.mark.parametrize("storey", STOREYS)
def test_a_storey_imports_only_those_below(storey):
    above = STOREYS[STOREYS.index(storey) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in source_files(storey)
        for name in imported_names(parsed(path))
        if name.split(".")[0] in above
    ]
    assert not wrong


def test_imports_are_absolute():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in source_files()
        for name in imported_names(parsed(path))
        if name.startswith(".")
    ]
    assert not wrong


def test_postponed_annotations_appear_nowhere_beside_kernels():
    assert not [str(path) for path in source_files("sim", "viewer/xray") if "__future__" in imported_names(parsed(path))]


def test_heavy_libraries_are_imported_inside_functions():
    wrong = []
    for path in source_files():
        late = LATE - {"taichi"} if any(path.is_relative_to(folder) for folder in KERNELS) else LATE
        wrong += [
            f"{path.relative_to(ROOT)} imports {name} on loading"
            for name in imported_on_loading(path)
            if name.split(".")[0] in late
        ]
    assert not wrong


@pytest.mark.parametrize("folder", ONLY_IN)
def test_only_a_host_imports_its_library_on_loading(folder):
    wrong = [
        str(path.relative_to(ROOT))
        for path in source_files()
        if path.parent.name != folder and {name.split(".")[0] for name in imported_on_loading(path)} & ONLY_IN[folder]
    ]
    assert not wrong


def loaded_modules(code: str, folder: Path) -> set[str]:
    """Give the top-level modules that a fresh interpreter holds after running this code."""
    code += "\nimport sys; print('loaded', *sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=environment(folder)
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.strip().splitlines()[-1].split()[1:])


def environment(folder: Path) -> dict[str, str]:
    """Give an environment whose temporary and home folders are this one."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}


def test_sim_costs_taichi_and_what_numbers_need(tmp_path):
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in source_files("sim")]
    names = ", ".join(name.removesuffix(".__init__") for name in modules)
    bare = loaded_modules("import taichi, numpy, scipy.linalg, scipy.sparse, scipy.spatial, qdldl, threadpoolctl", tmp_path)
    ours = loaded_modules(f"import {names}", tmp_path)
    third_party = {name for name in ours - bare if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert third_party <= {"sim"}


def test_the_command_line_loads_nothing_heavy(tmp_path):
    heavy = LATE | {"numpy", "scipy", "skimage", "SimpleITK", "trimesh", "meshio"}
    assert not heavy & loaded_modules("import viewer.cli", tmp_path)
