"""Plan: from an input, an image or a surface, to a Case that can be rehearsed."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.labels import LabelMap, read_labels
from meshing.lumen import Lumen, lumen_from_labels, read_lumen
from meshing.plaque import CALCIUM, HealthyVessel, boundary_of, healthy_vessel, label_at, relabel
from meshing.provenance import sha256_of
from meshing.quality import assess
from meshing.stretch import stretch_of
from meshing.tetmesh import TetMesh
from meshing.walls import PLAQUE, RadiusFraction, build_wall
from scenarios import catalogue
from scenarios.case import MMHG, Case
from scenarios.delivery.access import Access, with_access
from scenarios.devices.design import Device
from scenarios.devices.several import Placed
from scenarios.further_stents import Further
from scenarios.measures.lumen import Lesion, Profile, find_lesion, profile_along
from scenarios.placing import carried_over, dilation_of, guide_of, laid_along, reach_of
from scenarios.stored_cases import case_names, find_case, nearest_names
from scenarios.tissues import Tissue, find_tissue

MEAN_ARTERIAL_MMHG = 93.0
"""Mean of a pressure of 120 over 80 mmHg: diastole and a third of the pulse."""

WALL_SHARE = RadiusFraction(0.2, least_mm=0.5)
"""Wall thickness of a vessel of which only the lumen is known, as a share of the radius; from memory, unverified."""

EDGE_SHARE = 0.33
"""Length of the lumen's edges as a share of the local radius: about 19 edges around."""

LEAST_LESION = 0.15
"""Narrowing of diameter against the healthy vessel from which on it is taken for a lesion; else the narrowest place counts."""

BESIDE_STENT = 3.0
"""How much of the vessel is simulated beyond each end of the stent, in reference diameters, but at least `BESIDE_MM`."""

BESIDE_MM = 15.0

STRETCHES_KEPT = 8
"""How many stretches of one vessel are kept for further devices."""

END_MARGIN_MM = 2.0
"""How far the stent stays away from the ends of the vessel, which are held."""

Progress = Callable[[float, str], None]


def embedded_cases() -> tuple[str, ...]:
    """Names of the cases that come with the program."""
    return case_names()


@dataclasses.dataclass(frozen=True)
class Vessel:
    """A vessel as it was understood from an input: lumen, wall, and what the wall's healthy course is."""

    name: str
    lumen: Lumen
    wall: TetMesh
    healthy: HealthyVessel | None
    input: dict[str, Any]


def plan_wall(
    source: str | FilePath,
    *,
    labels: Sequence[str | int] = (),
    units: str | None = None,
    thickness_mm: float | None = None,
    progress: Progress | None = None,
) -> tuple[Lumen, TetMesh]:
    """Lumen and wall of an image, a surface, or an embedded case; see `plan_vessel`."""
    vessel = plan_vessel(source, labels=labels, units=units, thickness_mm=thickness_mm, progress=progress)
    return vessel.lumen, vessel.wall


def plan_vessel(
    source: str | FilePath,
    *,
    labels: Sequence[str | int] = (),
    units: str | None = None,
    thickness_mm: float | None = None,
    edge_share: float = EDGE_SHARE,
    progress: Progress | None = None,
) -> Vessel:
    """Make a vessel from a label map, a surface file, or the name of an embedded case.

    Where only the lumen is known, the healthy vessel is modelled from the stations beside a narrowing, the wall is a share of
    the radius thick (or `thickness_mm`), and what lies between is plaque. `edge_share` sets how fine the mesh is: the length of
    the lumen's edges as a share of the local radius.

    Raises
    ------
    InputError
        If the input cannot be read or no vessel wall can be made of it.
    """
    tell = progress or (lambda fraction, text: None)
    tell(0.0, "lumen")
    if str(source) in embedded_cases() and not FilePath(source).is_file():
        return _embedded(str(source), edge_share, tell)
    require_source(source)
    path = FilePath(source)
    lumen = read_lumen(path, labels=labels, units=units, edge_fraction=edge_share)
    tell(0.5, "wall")
    healthy = healthy_vessel(lumen)
    wall = build_wall(lumen, thickness=thickness_mm or WALL_SHARE, outer=healthy)
    tell(1.0, "")
    return Vessel(path.name.split(".")[0], lumen, wall, healthy, _input(path, [str(label) for label in labels], lumen.notes))


def require_source(source: str | FilePath) -> None:
    """Refuse an input that is neither a stored case nor a file, before anything is made of it.

    Raises
    ------
    InputError
        If there is none; the nearest stored cases are offered where it looks like the name of one.
    """
    path = FilePath(source)
    if path.is_file() or str(source) in embedded_cases():
        return
    if path.exists():
        raise InputError(f"{source} is a folder; give a label map, a surface, or the name of a stored case.")
    named = "" if path.suffix else f" and no stored case of this name; {nearest_names(str(source))}"
    raise InputError(f"There is no file {source}{named}.")


def _embedded(name: str, edge_share: float, tell: Progress) -> Vessel:
    """An embedded case takes the way of a patient's label map, with its wall and plaque labelled as well."""
    case = find_case(name)
    about = case.table
    labels = read_labels(case.labels)
    lumen = lumen_from_labels(labels, about.lumen, edge_fraction=edge_share)
    tell(0.5, "wall")
    everything = [*about.lumen, *about.plaque, *about.calcium, *about.wall]
    wall = build_wall(lumen, thickness=about.wall_mm, outer=boundary_of(labels, everything))
    wall = _calcified(wall, labels, about.calcium)
    tell(1.0, "")
    return Vessel(name, lumen, wall, None, _input(case.labels, about.lumen, lumen.notes))


def _calcified(wall: TetMesh, labels: LabelMap, calcium: Sequence[str]) -> TetMesh:
    becomes = {labels.find(name): CALCIUM for name in calcium}
    return relabel(wall, label_at(labels), becomes=becomes, names={CALCIUM: "calcified plaque"}, within=[PLAQUE])


def plan_case(
    source: str | FilePath,
    *,
    labels: Sequence[str | int] = (),
    units: str | None = None,
    device: str | None = None,
    at_mm: float | None = None,
    branch: int | None = None,
    thickness_mm: float | None = None,
    blood_pressure_mmhg: float = MEAN_ARTERIAL_MMHG,
    predilate: str | None = None,
    postdilate: str | None = None,
    then: Sequence[str] = (),
    over: Access | None = None,
    progress: Progress | None = None,
) -> Case:
    """Make a case: the vessel, the device (by name, or the catalogue's nearest size), and where it goes.

    A stored case without a device takes the one that its table names. Without `at_mm` the middle of the stent goes to the
    narrowest place of the path: where the lumen is narrowest against the healthy vessel, or in plain figures where nothing is
    narrowed by `LEAST_LESION`. `branch` counts the ways through a branching vessel, the longest first. `predilate` and
    `postdilate` name balloons, `then` further stents, `over` the wire that all go over, as `Survey.case` takes them.

    Raises
    ------
    InputError
        If the input cannot be used, the branch does not exist, or the stent would reach beyond the vessel.
    """
    tell = progress or (lambda fraction, text: None)
    vessel = plan_vessel(
        source, labels=labels, units=units, thickness_mm=thickness_mm, progress=lambda part, text: tell(0.9 * part, text)
    )
    tell(0.9, "device")
    if device is None and str(source) in embedded_cases() and not FilePath(source).is_file():
        device = find_case(str(source)).table.expert.device
    case = survey(vessel, branch=branch).case(
        device=device, at_mm=at_mm, blood_pressure_mmhg=blood_pressure_mmhg, predilate=predilate, postdilate=postdilate,
        then=then, over=over,
    )  # fmt: skip
    tell(1.0, "")
    return case


@dataclasses.dataclass(frozen=True)
class Survey:
    """One way through a vessel, measured once, however many devices are then tried in it; made by `survey`."""

    vessel: Vessel
    path: Path
    profile: Profile
    _qualities: dict[int, dict[str, Any]] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    _stretches: dict[tuple[float, float], TetMesh] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def case(
        self,
        *,
        device: str | None = None,
        among: Sequence[Device] | None = None,
        at_mm: float | None = None,
        offset_mm: float = 0.0,
        blood_pressure_mmhg: float = MEAN_ARTERIAL_MMHG,
        tissues: Mapping[str, Tissue] | None = None,
        predilate: str | None = None,
        postdilate: str | None = None,
        then: Sequence[str] = (),
        over: Access | None = None,
    ) -> Case:
        """Make a case: the device (by name, or the nearest size `among` some, else the catalogue), and where it goes.

        The place is found as in `plan_case`. `offset_mm` moves the device from that place along the path, away from its root
        where positive; `tissues` stand in for those of the program, by the name of the mesh's label. `predilate` and
        `postdilate` name a balloon of the catalogue, opened at the same place before the stent and within it: "8x20@14" is
        taken to 14 atm, without a pressure to its nominal one. `then` names further stents, placed one after the other, as
        `Further.of` reads them; balloons within are opened after the last. `over` has all come on a catheter over a wire.

        Raises
        ------
        InputError
            If the stent would reach beyond the vessel, or the device does not exist; for a self-expanding one also if it is too
            small to hold, or its sheath does not pass.
        """
        vessel, path = self.vessel, self.path
        lesion, where = _lesion(vessel, path, self.profile, at_mm)
        chosen, sizing = _device(device, lesion, path, among)
        station = lesion.narrowest_mm if at_mm is None else at_mm
        if at_mm is None:
            room = 0.5 * chosen.stent.length_mm + END_MARGIN_MM
            station = float(np.clip(station, min(room, 0.5 * path.length), max(path.length - room, 0.5 * path.length)))
        moved = (f"It was then moved by {offset_mm:+.2f} mm along the centreline, as asked.",) if offset_mm else ()
        station += offset_mm
        guide = guide_of(path, 0.5 * chosen.stent.diameter_mm)
        lattice, sheathed = laid_along(chosen, lesion, path, guide, station)
        bearing_mm = chosen.stent.length_mm if chosen.is_self_expanding else chosen.balloon.length_mm
        on_guide = carried_over(station, path, guide)
        axis = guide.at(np.linspace(*reach_of(guide, on_guide, bearing_mm), 81))[0]
        stents, after = [Placed(chosen, lattice, axis, station, sheathed)], []
        for one in (Further.of(words) for words in then):
            stents.append(one.placed_after(stents, path, lesion))
            after.append(one.told(len(stents) - 1, stents[-1]))
        wall, cut, between = self._stretch(stents, lesion)
        case = Case(
            name=vessel.name,
            mesh=wall,
            path=path,
            tissues={label: (tissues or {}).get(name) or find_tissue(name) for label, name in wall.label_names.items()},
            stents=tuple(stents),
            blood_pressure_pa=blood_pressure_mmhg * MMHG,
            notes=tuple(dict.fromkeys((*vessel.lumen.notes, *vessel.wall.notes, where, *moved, sizing, *after, *cut))),
            source={"input": vessel.input, "mesh": self.quality(wall)},
            dilations=tuple(
                dilation_of(name, asked, guide, on_guide, in_stent=name == "postdilation")
                for name, asked in (("predilation", predilate), ("postdilation", postdilate))
                if asked is not None
            ),
        )
        return case if over is None else with_access(case, over, between_mm=between)

    def _stretch(self, stents: Sequence[Placed], lesion: Lesion) -> tuple[TetMesh, tuple[str, ...], tuple[float, float]]:
        """The part of a long vessel that matters to the stents, cut once for devices as long, what to say of it, and where it
        begins and ends along the path [mm]."""
        wall, path = self.vessel.wall, self.path
        beside = max(BESIDE_MM, BESIDE_STENT * lesion.reference_diameter_mm)
        halves = [0.5 * one.stent.length_mm + beside for one in stents]
        first = max(min(one.station_mm - half for one, half in zip(stents, halves, strict=True)), 0.0)
        last = min(max(one.station_mm + half for one, half in zip(stents, halves, strict=True)), path.length)
        if (first, last) not in self._stretches:
            if len(self._stretches) >= STRETCHES_KEPT:
                self._stretches.pop(next(iter(self._stretches)))
            self._stretches[first, last] = stretch_of(wall, path, first_mm=first, last_mm=last)
        part = self._stretches[first, last]
        if part.tet_count > 0.8 * wall.tet_count:
            return wall, (), (0.0, path.length)
        note = (
            f"The wall was simulated from {first:.0f} to {last:.0f} mm along the path and held where it was cut; "
            f"the rest of the vessel, {wall.tet_count - part.tet_count:,} of {wall.tet_count:,} tetrahedra, was left out."
        )
        return part, (note,), (first, last)

    def lesion(self) -> Lesion:
        """The narrowing to which a device goes where no place is named."""
        return _lesion(self.vessel, self.path, self.profile, None)[0]

    def quality(self, wall: TetMesh) -> dict[str, Any]:
        """How good a wall is; that of the whole vessel is measured once."""
        if wall is not self.vessel.wall:
            return _plain(dataclasses.asdict(assess(wall)))
        if id(wall) not in self._qualities:
            self._qualities[id(wall)] = _plain(dataclasses.asdict(assess(wall)))
        return self._qualities[id(wall)]


def survey(vessel: Vessel, *, branch: int | None = None) -> Survey:
    """Measure one way through a vessel; `branch` counts the ways of a branching one, the longest first.

    Raises
    ------
    InputError
        If the branch does not exist.
    """
    path = _way(vessel.lumen, branch)
    return Survey(vessel, path, profile_along(vessel.lumen.vertices, vessel.lumen.triangles, path))


def _way(lumen: Lumen, branch: int | None) -> Path:
    paths = lumen.centreline.paths()
    if branch is not None and branch >= len(paths):
        raise InputError(f"There is no branch {branch}; this vessel has {len(paths)} ways through it, counted from 0.")
    return paths[branch or 0]


def _lesion(vessel: Vessel, path: Path, profile: Profile, at_mm: float | None) -> tuple[Lesion, str]:
    """The lesion and how it was found; with a place given, the narrowing about that place."""
    if at_mm is not None:
        if not 0.0 <= at_mm <= path.length:
            raise InputError(f"The place {at_mm:g} mm is not on the vessel, which runs from 0 to {path.length:.1f} mm.")
        about = find_lesion(profile, between=(at_mm - 3.0, at_mm + 3.0))
        return about, f"The stent's middle was placed {at_mm:.1f} mm along the centreline, as asked."
    margin = min(0.5 * min(one.stent.length_mm for one in catalogue.devices()) + END_MARGIN_MM, 0.25 * path.length)
    allowed = (margin, path.length - margin)
    inner = profile.between(*allowed)
    if vessel.healthy is not None and len(inner):
        healthy = 2.0 * vessel.healthy.radius_at(path.at(inner.stations)[0])
        narrowing = 1.0 - inner.mean_diameter / healthy
        worst = int(np.argmax(narrowing))
        if narrowing[worst] >= LEAST_LESION:
            station = float(inner.stations[worst])
            lesion = find_lesion(profile, between=(station - 0.6, station + 0.6))
            return lesion, (
                f"The narrowest place against the healthy vessel is {lesion.narrowest_mm:.1f} mm along the centreline, narrowed "
                f"by {100.0 * narrowing[worst]:.0f} % in diameter; the stent's middle was placed there."
            )
    lesion = find_lesion(profile, between=allowed)
    where = f"The narrowest place is {lesion.narrowest_mm:.1f} mm along the centreline; the stent's middle was placed there."
    return lesion, where


def _device(name: str | None, lesion: Lesion, path: Path, among: Sequence[Device] | None) -> tuple[Device, str]:
    if name is not None:
        chosen = catalogue.find(name)
    else:
        chosen = catalogue.nearest(
            lesion.reference_diameter_mm,
            lesion_length_mm=lesion.length_mm,
            longest_mm=path.length - 2.0 * END_MARGIN_MM,
            among=among,
        )
    return chosen, catalogue.sizing_sentence(
        chosen,
        reference_diameter_mm=lesion.reference_diameter_mm,
        lesion_length_mm=lesion.length_mm,
        is_nearest=name is None,
    )


def _input(path: FilePath, labels: Sequence[str], notes: Sequence[str]) -> dict[str, Any]:
    return {"path": path.name, "sha256": sha256_of(path), "labels": list(labels), "notes": list(notes)}


def _plain(value: Any) -> Any:
    """Numbers, lists and words that JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value
