"""What may be kept of one run besides its measures: the wall as .vtu, the outcome, the recording."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scenarios.limits import LIMITS_OF_USE

if TYPE_CHECKING:
    from scenarios.outcome import Outcome
    from scenarios.recording import Recording


def write_fields(recording: "Recording", outcome: "Outcome", folder: Path) -> None:
    """Write `wall.vtu` in its last state, with stress [kPa] and displacement [mm] since the first, and `outcome.json`."""
    import meshio

    mesh, first, last = recording.case.mesh, recording.frame(0), recording.frame(-1)
    grid = meshio.Mesh(
        last.vertices,
        [("tetra", mesh.tets)],
        point_data={"displacement [mm]": last.vertices - first.vertices},
        cell_data={"label": [mesh.labels], "first principal Cauchy stress [kPa]": [np.asarray(last.stress, float)]},
        field_data={},
    )
    meshio.write(folder / "wall.vtu", grid, file_format="vtu", compression="zlib")
    (folder / "LIMITS.txt").write_text(f"{LIMITS_OF_USE}\nLPS, millimetres.\n", encoding="utf-8")
    outcome.save(folder / "outcome.json")
