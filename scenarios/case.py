"""Case: a patient's vessel, its tissues and loads, and the stents that are to open it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.files import read_mesh, write_mesh
from meshing.tetmesh import TetMesh
from scenarios.devices.balloon import Balloon
from scenarios.devices.design import Alloy, DeliverySheath, Device, Fabric, Nitinol, StentDesign
from scenarios.devices.lattice import Dilation, Lattice, device_body
from scenarios.devices.over_wire import OverWire
from scenarios.devices.self_expanding import Sheathed, sheathed_body
from scenarios.devices.several import Placed, stents_body
from scenarios.tissues import Tissue
from sim.body import Body
from sim.device import DeviceBody
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.rods.network import Pose

MMHG = 133.322
"""[Pa]"""

DEVICE_DRAG = 100.0
"""Resistance of each crown against moving [N·s/m]; unverified, chosen so that a stent that yields opens within a second."""

RELEASE_DRAG = 5.0
"""The same for a self-expanding stent [N·s/m]; unverified, chosen so that a ring that leaves its sheath opens within a second."""

LATTICE_ARRAYS = ("nodes", "struts", "bridges", "node_ring", "strut_ring", "fabric", "fabric_edges")
"""What of a lattice is kept as arrays."""


@dataclasses.dataclass(frozen=True)
class Case:
    """What a rehearsal starts from; lengths in millimetres of the patient (LPS).

    Attributes
    ----------
    name
        What the case is called.
    mesh
        The vessel's wall as imaged.
    path
        The vessel that the device goes along.
    tissues
        For each label of the mesh its tissue.
    stents
        The stents in the order in which they are placed; `device`, `lattice` and the other words for one stent tell of the first.
    blood_pressure_pa
        Pressure of the blood, under which the vessel was imaged [Pa].
    dilations
        Balloons without a stent, in the order of their use.
    over
        The wire that all balloons go over on their catheter; None where they are placed along the path.
    notes
        What a reader of the results should know of how the case was made.
    source
        Where it came from: file name, hash, labels, mesh figures.
    """

    name: str
    mesh: TetMesh
    path: Path
    tissues: Mapping[int, Tissue]
    stents: tuple[Placed, ...]
    blood_pressure_pa: float
    notes: tuple[str, ...]
    source: Mapping[str, Any]
    dilations: tuple[Dilation, ...] = ()
    over: OverWire | None = None

    @property
    def device(self) -> Device:
        """Stent and what delivers it, from the catalogue."""
        return self.stents[0].device

    @property
    def lattice(self) -> Lattice:
        """The stent, crimped and placed."""
        return self.stents[0].lattice

    @property
    def balloon_axis(self) -> np.ndarray:
        """Points of the balloon's axis, shape (q, 3); of a stent without one, of the way on which it lies."""
        return self.stents[0].balloon_axis

    @property
    def station_mm(self) -> float:
        """Where the middle of the stent is along the path."""
        return self.stents[0].station_mm

    @property
    def sheathed(self) -> Sheathed | None:
        """How a self-expanding stent lies in its sheath; None for one on a balloon."""
        return self.stents[0].sheathed

    @property
    def stent(self) -> StentDesign:
        """The stent's design."""
        return self.device.stent

    @property
    def balloon(self) -> Balloon:
        """The balloon under the stent.

        Raises
        ------
        InputError
            If the stent is released from a sheath.
        """
        return self.device.balloon

    @property
    def first_samples(self) -> np.ndarray:
        """Number of the first point that may touch the wall of each stent among those of all, and of all, shape (stents + 1,)."""
        return np.cumsum([0, *(len(one.lattice.samples()[0]) for one in self.stents)])

    @property
    def first_nodes(self) -> np.ndarray:
        """Number of the first node of each stent among those of all, and the number of all, shape (stents + 1,)."""
        return np.cumsum([0, *(len(one.lattice.nodes) for one in self.stents)])

    def body(self) -> Body:
        """The wall for the engine, see `wall_body`."""
        return wall_body(self.mesh, self.tissues)

    def device_body(self) -> DeviceBody:
        """The stents, on their balloons or in a sheath, for the engine, in metres; where they go over a wire, with that."""
        placed = self._stents_body()
        return placed if self.over is None else self.over.body(placed, self.stents, self.dilations, self.path)

    def _stents_body(self) -> DeviceBody:
        if len(self.stents) > 1:
            return stents_body(
                self.stents, drag=DEVICE_DRAG, release_drag=RELEASE_DRAG, dilations=self.dilations,
                vertices_mm=self.mesh.vertices, lumen=self.mesh.face_sets["lumen"],
            )  # fmt: skip
        if self.sheathed is not None:
            return sheathed_body(self.lattice, self.stent, self.sheathed, drag=RELEASE_DRAG, dilations=self.dilations)
        return device_body(self.lattice, self.stent, self.balloon, self.balloon_axis, drag=DEVICE_DRAG, dilations=self.dilations)

    def save(self, folder: FilePath) -> None:
        """Write the case to a folder: `mesh.vtu`, `case.json`, `arrays.npz`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_mesh(self.mesh, folder / "mesh.vtu", compressed=False)
        about = {
            "name": self.name,
            "tissues": {str(label): dataclasses.asdict(tissue) for label, tissue in self.tissues.items()},
            **_words_of(self.stents[0]),
            "further_stents": [_words_of(one) for one in self.stents[1:]],
            "blood_pressure_pa": self.blood_pressure_pa,
            "notes": list(self.notes),
            "source": dict(self.source),
            "dilations": [
                {name: value for name, value in dataclasses.asdict(one).items() if name != "axis_mm"} for one in self.dilations
            ],
            "over": self.over and dataclasses.asdict(self.over),
        }
        (folder / "case.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        arrays = {f"path_{field.name}": getattr(self.path, field.name) for field in dataclasses.fields(Path)}
        for number, one in enumerate(self.stents):
            arrays |= {f"{_before(number)}lattice_{name}": getattr(one.lattice, name) for name in LATTICE_ARRAYS}
            arrays[f"{_before(number)}balloon_axis"] = one.balloon_axis
            if one.sheathed is not None:
                arrays |= {f"{_before(number)}sheathed_{name}": value for name, value in _arrays_of(one.sheathed).items()}
        arrays |= {f"dilation_axis_{number}": one.axis_mm for number, one in enumerate(self.dilations)}
        np.savez(folder / "arrays.npz", **arrays)  # pyright: ignore[reportArgumentType]


def wall_body(mesh: TetMesh, tissues: Mapping[int, Tissue]) -> Body:
    """A wall for the engine, in metres: held at its ends, the lumen's triangles wound out of the blood.

    Raises
    ------
    InputError
        If a label of the mesh has no tissue.
    """
    labels = np.unique(mesh.labels)
    missing = [int(label) for label in labels if int(label) not in tissues]
    if missing:
        raise InputError(
            f"Label {missing[0]} ({mesh.label_names.get(missing[0], 'unnamed')}) has no tissue; give one for each label."
        )
    laws = [
        StableNeoHookean.from_young(one.young_modulus, one.poisson_ratio, one.density)
        for one in (tissues[int(label)] for label in labels)
    ]
    ends = [faces for name, faces in mesh.face_sets.items() if name.startswith("end")]
    return Body(
        vertices=mesh.vertices * 1e-3,
        tets=mesh.tets,
        laws=laws,
        law_of_tet=np.searchsorted(labels, mesh.labels),
        lumen=mesh.face_sets["lumen"][:, ::-1],
        held=np.unique(np.concatenate([faces.ravel() for faces in ends])),
        # Under a stent's struts single tets turn inside out where only pockets hold their volume.
        kept=1.0,
    )


def load_case(folder: FilePath) -> Case:
    """Read a case that was saved.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    try:
        about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz") as file:
            arrays = dict(file)
        return Case(
            name=about["name"],
            mesh=read_mesh(folder / "mesh.vtu"),
            path=Path(**{field.name: arrays[f"path_{field.name}"] for field in dataclasses.fields(Path)}),
            tissues={int(label): tissue_from(row) for label, row in about["tissues"].items()},
            stents=tuple(_placed(row, arrays, number) for number, row in enumerate((about, *about.get("further_stents", ())))),
            blood_pressure_pa=about["blood_pressure_pa"],
            notes=tuple(about["notes"]),
            source=about["source"],
            dilations=tuple(
                Dilation(**{**row, "balloon": _balloon(row["balloon"])}, axis_mm=arrays[f"dilation_axis_{number}"])
                for number, row in enumerate(about["dilations"])
            ),
            over=_over(about.get("over")),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The case in {folder} cannot be read ({error}); make it again with `vesalius rehearse`.") from error


def _words_of(stent: Placed) -> dict[str, Any]:
    """What of a stent is kept as words and numbers."""
    return {
        "device": dataclasses.asdict(stent.device),
        "half_thickness_mm": stent.lattice.half_thickness_mm,
        "station_mm": stent.station_mm,
        "pressure_atm": stent.pressure_atm,
    }


def _placed(row: Mapping[str, Any], arrays: Mapping[str, np.ndarray], number: int) -> Placed:
    before = _before(number)
    # Cases written before there was fabric hold none.
    lattice: dict[str, Any] = {
        name: arrays[f"{before}lattice_{name}"] for name in LATTICE_ARRAYS if f"{before}lattice_{name}" in arrays
    }
    return Placed(
        device=_device(row["device"]),
        lattice=Lattice(**lattice, half_thickness_mm=row["half_thickness_mm"]),
        balloon_axis=arrays[f"{before}balloon_axis"],
        station_mm=row["station_mm"],
        sheathed=_sheathed(arrays, before) if f"{before}sheathed_axis" in arrays else None,
        pressure_atm=row.get("pressure_atm"),
    )


def _before(number: int) -> str:
    """What the arrays of a stent begin with; those of the first are called as when there was but one."""
    return f"further_{number}_" if number else ""


def _arrays_of(sheathed: Sheathed) -> dict[str, np.ndarray]:
    pose = sheathed.pose
    return {"position": pose.position, "rotation": pose.rotation, "history": sheathed.history, "axis": sheathed.axis_mm}


def _sheathed(arrays: Mapping[str, np.ndarray], before: str) -> Sheathed:
    position, rotation, history, axis = (
        arrays[f"{before}sheathed_{name}"] for name in ("position", "rotation", "history", "axis")
    )
    return Sheathed(Pose(position, rotation), history, axis)


def tissue_from(row: dict[str, Any]) -> Tissue:
    """A tissue from the words and numbers that it was saved as."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Tissue(**values)


def _over(row: dict[str, Any] | None) -> OverWire | None:
    return None if row is None else OverWire(**{**row, "between_mm": tuple(row["between_mm"])})


def _device(row: dict[str, Any]) -> Device:
    # Cases written before there were sheaths name the balloon itself.
    words = dict(row)
    delivery = words.pop("balloon", None) or words.pop("delivery")
    stent, is_sheath = dict(words.pop("stent")), "french" in delivery
    fabric = stent.pop("fabric", None)
    stent["fabric"] = None if fabric is None else Fabric(**fabric)
    stent["alloy"] = (Nitinol if is_sheath else Alloy)(**stent["alloy"])
    return Device(stent=StentDesign(**stent), delivery=DeliverySheath(**delivery) if is_sheath else _balloon(delivery), **words)


def _balloon(row: dict[str, Any]) -> Balloon:
    return Balloon(**{**row, "chart": tuple(tuple(pair) for pair in row["chart"])})
