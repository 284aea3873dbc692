# ruff: noqa: E402
"""How good and how fast meshes of label maps are, beside those of fTetWild made from the same maps in the same run.

    python benchmarks/meshing.py [--quick] [--only WORD ...] [--peer-limit 900] [--no-peer] [--no-file]

Each mesh is made in a process of its own: processor time of all its threads after a first, tiny map (so that compilation is
told apart), peak memory, size, shape, fit, volume of each label, and distance to the true surface where a formula gives it.
Prints the tables and writes them into their section of RESULTS.md. What is not on this machine (data, nilearn, pytetwild) is
left out by name; `pip install '.[bench]'` brings the packages. --quick takes two phantoms and one abdomen, without halving.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere; ahead of this folder, in which a file bears the name of a package.
sys.path.insert(0, str(HERE.parent))

import numpy as np

from benchmarks.mesh_cases import CASES, HALVINGS, Absent, MeshCase
from benchmarks.mesh_measures import measured
from benchmarks.mesh_peer import made_by_ftetwild
from benchmarks.results import machine, write_section
from meshing.shapes import NestedSpheres
from meshing.tetrahedra import tetrahedralize

OWN_LIMIT_S = 1800.0
OURS, PEER = "ours", "fTetWild"
INTRO = """
Meshes of label maps, and those that fTetWild makes of the same maps in the same run, by `python benchmarks/meshing.py`; run it
again on your own machine. One process a mesh. Processor time is that of all threads, compilation left out; fTetWild's input,
the smoothed surface of the labels, and its labels afterwards count towards its time. Large labels have 1,000 voxels or more;
volumes are compared with the voxels'. Distances are those of the mesh's interfaces from the formula's, in voxels (cube root of
a voxel's volume). fTetWild is asked for our mesh's mean edge.
"""

Row = dict[str, Any]


def make_one(case: MeshCase, maker: str, edge_length: float) -> Row:
    """Make one mesh in this process and return what was measured of it, or why it is missing."""
    try:
        labels = case.load()
        row: Row = {"case": case.name, "maker": maker, "voxels": int(sum(labels.voxel_counts.values()))}
        begun = time.process_time()
        if maker == OURS:
            tetrahedralize(NestedSpheres(outer_radius_mm=5.0, inner_radius_mm=3.0).label_map(), edge_length=2.0, refine=True)
        row["compile_s"] = time.process_time() - begun
        row["memory_before_mb"] = _peak_memory_mb()
        begun, clock = time.process_time(), time.perf_counter()
        mesh = tetrahedralize(labels, **case.options) if maker == OURS else made_by_ftetwild(labels, edge_length)
        row |= {"cpu_s": time.process_time() - begun, "wall_s": time.perf_counter() - clock, "memory_mb": _peak_memory_mb()}
    except Absent as absent:
        return {"case": case.name, "maker": maker, "absent": str(absent)}
    return row | measured(mesh, labels, case.phantom)


def _peak_memory_mb() -> float:
    # Linux tells kibibytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2.0**20 if sys.platform == "darwin" else 2.0**10)


def in_own_process(case: MeshCase, maker: str, *, limit_s: float, edge_length: float = 0.0) -> Row:
    """The row of `make_one` from another process; "absent" says why where it took too long or broke."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "row.json"
        words = ["--one", case.name, "--maker", maker, "--edge-length", str(edge_length), "--into", str(file)]
        row: Row = {"case": case.name, "maker": maker}
        try:
            run = subprocess.run(
                [sys.executable, str(Path(__file__).resolve()), *words],
                timeout=limit_s, capture_output=True, text=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return row | {"absent": f"was not done after {limit_s:g} s"}
        if not file.is_file():
            last = (run.stderr.strip().splitlines() or ["no message"])[-1]
            return row | {"absent": f"ended with status {run.returncode}: {last[:200]}"}
        return json.loads(file.read_text())


def _share(pair: Sequence[float | None] | None) -> str:
    return "–" if not pair or pair[0] is None or pair[1] is None else f"{100.0 * pair[0]:.1f} / {100.0 * pair[1]:.1f}"


def _lost(row: Row) -> str:
    return str(len(row["lost"])) if len(row["lost"]) > 4 or not row["lost"] else ", ".join(map(str, row["lost"]))


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "case": lambda row: row["case"],
    "by": lambda row: row["maker"],
    "tets": lambda row: f"{row['tets']:,}",
    "CPU s": lambda row: f"{row['cpu_s']:.1f}",
    "peak MB": lambda row: f"{row['memory_mb']:,.0f}",
    "dihedral min–max °": lambda row: f"{row['dihedral_min']:.1f}–{row['dihedral_max']:.1f}",
    "< 10° %": lambda row: f"{100.0 * row['sharp_share']:.3f}",
    "min scaled J": lambda row: f"{row['jacobian_min']:.3f}",
    "inverted": lambda row: str(row["inverted"]),
    "conforming": lambda row: "yes" if row["conforming"] else "NO",
    "non-manifold outer edges": lambda row: str(row["non_manifold_edges"]),
    "volume error, large labels, mean / max %": lambda row: _share(row["volume_error"]) + f" ({row['large_labels']})",
    "small labels, mean / max %": lambda row: _share(row["small_volume_error"]) + f" ({row['small_labels']})",
    "labels lost": _lost,
    "distance mean / max, voxels": lambda row: (
        f"{row['distance_mean']:.3f} / {row['distance_max']:.2f}" if "distance_mean" in row else "–"
    ),
}


def table(rows: Sequence[Row]) -> list[str]:
    """All meshes as Markdown, a line each; after it a sentence for each that is missing."""
    made = [row for row in rows if "absent" not in row]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(tell(row) for tell in COLUMNS.values()) + " |" for row in made]
    compiled = [row["compile_s"] for row in made if row["maker"] == OURS]
    if compiled:
        lines += ["", f"Before each of ours, a first mesh of a tiny map, compilation with it, took {np.median(compiled):.1f} s."]
    return lines + [f"\nLeft out: {row['case']} by {row['maker']}: {row['absent']}." for row in rows if "absent" in row]


def ratios(rows: Sequence[Row]) -> list[str]:
    """fTetWild's time and volume errors as multiples of ours, where both made a mesh."""
    made = {(row["case"], row["maker"]): row for row in rows if "absent" not in row}
    lines = []
    for case, maker in made:
        if maker != OURS or (case, PEER) not in made:
            continue
        ours, peer = made[case, OURS], made[case, PEER]
        time_each = (peer["cpu_s"] / peer["tets"]) / (ours["cpu_s"] / ours["tets"])
        line = f"- {case}: fTetWild takes {peer['cpu_s'] / ours['cpu_s']:.1f} times our CPU time ({time_each:.1f} times a tet)"
        if ours["volume_error"][0]:
            mean, largest = (peer["volume_error"][k] / max(ours["volume_error"][k], 1e-9) for k in (0, 1))
            line += f", its volume errors are {mean:.1f} (mean) and {largest:.1f} (largest) times ours"
        lines.append(line + ".")
    return lines and ["", *lines]


def convergence(rows: Sequence[Row]) -> list[str]:
    """How distance and time change when voxels and edges halve: log₂ of each ratio, and time as a power of the tets."""
    made = [row for row in rows if "absent" not in row]
    lines = ["", "Sphere in sphere, voxels and edges halved together:", ""]
    lines += ["| edge mm | tets | CPU s | distance mean mm | largest mm | order of mean | order of largest | time ~ tets^ |"]
    lines += ["|---" * 8 + "|"]
    before: Row | None = None
    edges = {case.name: case.options["edge_length"] for case in HALVINGS}
    for row in made:
        # Distances were told in voxels of the case's own map.
        now = row | {"mean": row["distance_mean"] * row["voxel_mm"], "largest": row["distance_max"] * row["voxel_mm"]}
        cells = [f"{edges[row['case']]:g}", f"{row['tets']:,}", f"{row['cpu_s']:.2f}"]
        cells += [f"{now['mean']:.4f}", f"{now['largest']:.3f}"]
        if before is None:
            cells += ["", "", ""]
        else:
            cells += [f"{math.log2(before[key] / now[key]):.2f}" for key in ("mean", "largest")]
            cells += [f"{math.log(row['cpu_s'] / before['cpu_s']) / math.log(row['tets'] / before['tets']):.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
        before = now
    return lines if len(made) > 1 else []


def said(row: Row) -> str:
    """One mesh in a line, for the terminal while it goes on."""
    if "absent" in row:
        return f"{row['case']}, {row['maker']}: left out: {row['absent']}"
    size = f"{row['tets']:,} tets in {row['cpu_s']:.1f} s CPU"
    return f"{row['case']}, {row['maker']}: {size}, dihedral from {row['dihedral_min']:.1f}°"


def run_all(cases: Sequence[MeshCase], *, peer_limit_s: float, with_peer: bool) -> list[Row]:
    """Make all meshes, one process after the other, telling each as it is done."""
    rows = []
    for case in cases:
        rows.append(in_own_process(case, OURS, limit_s=OWN_LIMIT_S))
        print(said(rows[-1]), flush=True)
        if with_peer and case.peer and "absent" not in rows[-1]:
            edge_length = rows[-1]["mean_edge_mm"]
            rows.append(in_own_process(case, PEER, limit_s=peer_limit_s, edge_length=edge_length))
            print(said(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure, print, write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="two phantoms and one abdomen, no halving")
    words.add_argument("--only", nargs="+", metavar="WORD", help="only cases whose name holds one of these")
    words.add_argument("--peer-limit", type=float, default=900.0, metavar="S", help="seconds after which fTetWild is stopped")
    words.add_argument("--no-peer", action="store_true", help="do not run fTetWild")
    words.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md as it is")
    for hidden, kind in (("--one", str), ("--maker", str), ("--into", Path), ("--edge-length", float)):
        words.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.one:
        case = next(case for case in (*CASES, *HALVINGS) if case.name == asked.one)
        asked.into.write_text(json.dumps(make_one(case, asked.maker, asked.edge_length)))
        return
    about = machine("numpy", "scipy", "numba", "pytetwild", "libigl", "nilearn")
    cases = [case for case in (*CASES, *HALVINGS) if case.quick or not asked.quick]
    cases = [case for case in cases if not asked.only or any(word in case.name for word in asked.only)]
    rows = run_all(cases, peer_limit_s=asked.peer_limit, with_peer=not asked.no_peer)
    halved = [row for row in rows if row["case"] in {case.name for case in HALVINGS}]
    rows = [row for row in rows if row not in halved]
    text = "\n".join([*about, "", *table(rows), *ratios(rows), *(convergence(halved) if halved else [])])
    print("\n" + text)
    if not asked.no_file:
        write_section("Quality and speed of meshing", INTRO + "\n" + text)


if __name__ == "__main__":
    main()
