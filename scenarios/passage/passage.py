"""Passage: a patient's vessel, and the wires and catheters that are to be pushed into it from one of its ends."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, ClassVar, Literal

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.files import read_mesh, write_mesh
from meshing.tetmesh import TetMesh
from scenarios import catalogue
from scenarios.case import MMHG, tissue_from, wall_body
from scenarios.devices.wires import BEHIND_MM, INSIDE_MM, Wire, clearance_within
from scenarios.measures.lumen import Profile
from scenarios.plan import MEAN_ARTERIAL_MMHG, plan_vessel, survey
from scenarios.tissues import Tissue, find_tissue
from sim.body import Body
from sim.device import COAXIAL_FRICTION, DeviceBody
from sim.tray import fed_wire, together

LEAST_LESION_MM = 1.0
"""A narrowing shorter than this is none."""

RIGID = "The wall was held rigid: it neither yields nor straightens, and forces on it are larger than on a wall that does."

Access = Literal["far end", "root"]


@dataclasses.dataclass(frozen=True)
class Placed:
    """A wire or catheter on the table: what a script calls it, its name in the catalogue, and how much is simulated [mm]."""

    called: str
    wire: str
    length_mm: float


@dataclasses.dataclass(frozen=True)
class Passage:
    """What a passage starts from; lengths in millimetres of the patient (LPS).

    Attributes
    ----------
    name
        What the case is called.
    mesh
        The vessel's wall as imaged.
    path
        The way in, from the access on.
    tissues
        For each label of the mesh its tissue.
    placed
        Wires and catheters from the innermost to the outermost.
    lesion_mm
        Where the lesion begins and ends along the way; None where the vessel has none.
    blood_pressure_pa
        Pressure of the blood, under which the vessel was imaged [Pa].
    rigid
        Whether the wall is held where it was imaged: many times quicker, and forces are then those on a wall that cannot yield.
    coaxial_friction
        Coulomb's coefficient between each wire and the next about it: from memory unless given, see `sim.device`.
    notes, source
        What a reader of the results should know, and where the case came from.
    sheathed
        None: no stent is released in a passage, which recordings and pictures ask of every case.
    """

    sheathed: ClassVar[None] = None

    name: str
    mesh: TetMesh
    path: Path
    tissues: Mapping[int, Tissue]
    placed: tuple[Placed, ...]
    lesion_mm: tuple[float, float] | None
    blood_pressure_pa: float
    rigid: bool
    notes: tuple[str, ...]
    source: Mapping[str, Any]
    coaxial_friction: float = COAXIAL_FRICTION

    def body(self) -> Body:
        """The wall for the engine, see `wall_body`; all of it held if it is rigid."""
        body = wall_body(self.mesh, self.tissues)
        return dataclasses.replace(body, held=np.arange(len(body.vertices))) if self.rigid else body

    def device_body(self) -> DeviceBody:
        """All wires in their guide for the engine, in metres, each inside the next.

        Raises
        ------
        InputError
            If one is thicker than the bore of the next.
        """
        wires = [catalogue.find_wire(one.wire) for one in self.placed]
        clearances = [clearance_within(inner, outer) for inner, outer in itertools.pairwise(wires)]
        entry, inwards = 1e-3 * self.path.points[0], self.path.tangents[0]
        bodies = [
            fed_wire(
                one.called, wire.shape(one.length_mm, wire.spacing_mm), entry=entry, direction=inwards, inside=1e-3 * INSIDE_MM
            )
            for one, wire in zip(self.placed, wires, strict=True)
        ]
        names = [one.called for one in self.placed]
        sleeves = [(inner, outer, gap) for (inner, outer), gap in zip(itertools.pairwise(names), clearances, strict=True)]
        return together(bodies, sleeves, friction=self.coaxial_friction)

    def save(self, folder: FilePath) -> None:
        """Write the passage to a folder: `mesh.vtu`, `case.json`, `arrays.npz`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_mesh(self.mesh, folder / "mesh.vtu")
        about = {
            "kind": "passage",
            "name": self.name,
            "tissues": {str(label): dataclasses.asdict(tissue) for label, tissue in self.tissues.items()},
            "placed": [dataclasses.asdict(one) for one in self.placed],
            "lesion_mm": self.lesion_mm,
            "blood_pressure_pa": self.blood_pressure_pa,
            "rigid": self.rigid,
            "coaxial_friction": self.coaxial_friction,
            "notes": list(self.notes),
            "source": dict(self.source),
        }
        (folder / "case.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        arrays: Any = {field.name: getattr(self.path, field.name) for field in dataclasses.fields(Path)}
        np.savez(folder / "arrays.npz", **arrays)


def load_passage(folder: FilePath) -> Passage:
    """Read a passage that was saved.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    try:
        about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz") as file:
            path = Path(**dict(file))
        return Passage(
            name=about["name"],
            mesh=read_mesh(folder / "mesh.vtu"),
            path=path,
            tissues={int(label): tissue_from(row) for label, row in about["tissues"].items()},
            placed=tuple(Placed(**row) for row in about["placed"]),
            lesion_mm=tuple(about["lesion_mm"]) if about["lesion_mm"] else None,
            blood_pressure_pa=about["blood_pressure_pa"],
            rigid=about["rigid"],
            # Passages of before there was friction between wires went without.
            coaxial_friction=about.get("coaxial_friction", 0.0),
            notes=tuple(about["notes"]),
            source=about["source"],
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The passage in {folder} cannot be read ({error}); make it again with `vesalius navigate`.") from error


def plan_passage(
    source: str | FilePath,
    *,
    wires: Sequence[str],
    labels: Sequence[str | int] = (),
    units: str | None = None,
    branch: int | None = None,
    access: Access = "far end",
    thickness_mm: float | None = None,
    blood_pressure_mmhg: float = MEAN_ARTERIAL_MMHG,
    rigid: bool = False,
    coaxial_friction: float = COAXIAL_FRICTION,
    edge_share: float | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Passage:
    """Make a passage: the vessel as `plan_vessel` takes it, and wires of the catalogue from the innermost to the outermost.

    The way runs along the vessel's path `branch`, from its far end to its root or the other way round. Wires are called by
    their kind: "wire", "catheter", "sheath".

    Raises
    ------
    InputError
        If the input cannot be used, a wire does not exist, is wider than the vessel, or does not fit into the next, or friction
        is not a number of nought or more.
    """
    tell = progress or (lambda fraction, text: None)
    chosen = [catalogue.find_wire(name) for name in wires]
    if not chosen:
        raise InputError("No wire is named; name at least one of `vesalius devices --kind guidewire`.")
    for inner, outer in itertools.pairwise(chosen):
        clearance_within(inner, outer)
    if not 0.0 <= coaxial_friction < np.inf:
        raise InputError(f"The friction between wires is given as {coaxial_friction:g}; give a number of nought or more.")
    more = {} if edge_share is None else {"edge_share": edge_share}
    vessel = plan_vessel(source, labels=labels, units=units, thickness_mm=thickness_mm, progress=tell, **more)
    surveyed = survey(vessel, branch=branch)
    found = surveyed.lesion()
    lesion = found if found.length_mm > LEAST_LESION_MM else None
    way = surveyed.path.reversed() if access == "far end" else surveyed.path
    extent = None
    if lesion is not None:
        ends = (lesion.start_mm, lesion.end_mm)
        extent = ends if access == "root" else (way.length - ends[1], way.length - ends[0])
    _check_room(chosen, surveyed.profile)
    called = _called(chosen)
    behind = BEHIND_MM + way.length
    own_notes = (*(RIGID,) * rigid, *(_friction_note(coaxial_friction),) * (len(chosen) > 1))
    return Passage(
        name=vessel.name,
        mesh=vessel.wall,
        path=way,
        tissues={label: find_tissue(name) for label, name in vessel.wall.label_names.items()},
        placed=tuple(
            Placed(word, wire.name, min(max(behind, wire.tip_length_mm + BEHIND_MM), wire.length_mm))
            for word, wire in zip(called, chosen, strict=True)
        ),
        lesion_mm=extent,
        blood_pressure_pa=blood_pressure_mmhg * MMHG,
        rigid=rigid,
        coaxial_friction=coaxial_friction,
        notes=tuple(dict.fromkeys((*vessel.lumen.notes, *vessel.wall.notes, _access_note(way, access), *own_notes))),
        source={"input": vessel.input, "mesh": surveyed.quality(vessel.wall)},
    )


def _access_note(way: Path, access: Access) -> str:
    return (
        f"The way begins at the {access} of the path, at {', '.join(f'{x:.1f}' for x in way.points[0])} mm, and is "
        f"{way.length:.0f} mm long; behind it the wire runs straight in a guide without friction."
    )


def _friction_note(friction: float) -> str:
    source = "a value from memory" if friction == COAXIAL_FRICTION else "as asked"
    return f"Friction between each wire and the next about it was {friction:g}, {source}."


def _called(wires: Sequence[Wire]) -> list[str]:
    words = [{"guidewire": "wire"}.get(wire.kind, wire.kind) for wire in wires]
    return [word if words.count(word) == 1 else f"{word} {words[: k + 1].count(word)}" for k, word in enumerate(words)]


def _check_room(wires: Sequence[Wire], profile: Profile) -> None:
    """A wire must be thinner than the narrowest place of its way."""
    narrowest = int(np.argmin(profile.min_diameter))
    room = float(profile.min_diameter[narrowest])
    for wire in wires:
        if wire.outer_diameter_mm >= room:
            raise InputError(
                f"{wire.name} is {wire.outer_diameter_mm:g} mm thick, more than the {room:.2f} mm that the vessel is wide "
                f"{float(profile.stations[narrowest]):.0f} mm along its path; name a thinner one."
            )
