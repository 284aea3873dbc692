"""Outcome: the measures of one recording with its provenance; assess() takes them, and one file of JSON keeps them."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from scenarios.measures.delivering import delivery_findings
from scenarios.measures.flow import Stenosis, flow_findings
from scenarios.measures.inflating import inflation_findings
from scenarios.measures.landing import landing_findings, music_findings, reference_areas
from scenarios.measures.lumen import Lesion, Profile, eccentricity, find_lesion, lumen_findings, profile_along, stations_to_cut
from scenarios.measures.measure import Findings, Measure
from scenarios.measures.several import extents_of, stents_findings
from scenarios.measures.wall import wall_findings
from scenarios.procedure import moments_of

if TYPE_CHECKING:
    from scenarios.recording import Frame, Recording

__all__ = ["Measure", "Outcome", "Profile", "assess"]

SEGMENT_MM = 5.0  # the treated segment reaches 5 mm beyond the stent's ends, the usual in-segment analysis
BESIDE_MM = 20.0  # how far beyond the stent the lumen is cut as finely as within it


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one rehearsal came to: its measures, the lumen's profiles, and from what it was made."""

    measures: tuple[Measure, ...]
    input: dict[str, Any]  # path name, sha256, labels, notes
    mesh: dict[str, Any]  # tet_count, vertex_count, inverted_count, min_scaled_jacobian, elements_across_wall
    run: dict[str, Any]  # versions, backend, dt_s, tick_count, digest, residual, wall_clock_s, date
    profiles: dict[str, Profile]  # by phase: "before", "inflated" or "released", "after"
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Measure:
        """Give a measure by its name.

        Raises:
            InputError: there is no such measure; the message lists those there are.
        """
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise InputError(f"There is no measure {name!r}; there are: {', '.join(measure.name for measure in self.measures)}.")

    def to_json(self) -> str:
        """Give the outcome as JSON, without any number that JSON does not know."""
        content = {
            "use": LIMITS_OF_USE,
            "measures": [dataclasses.asdict(measure) for measure in self.measures],
            "input": _plain(self.input),
            "mesh": _plain(self.mesh),
            "run": _plain(self.run),
            "profiles": {phase: _plain(dataclasses.asdict(profile)) for phase, profile in self.profiles.items()},
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)

    def save(self, path: Path) -> None:
        """Write the outcome to a file.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            Path(path).write_text(self.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"The outcome cannot be written to {path} ({error.strerror or error}).") from error

    @staticmethod
    def load(path: Path) -> "Outcome":
        """Read an outcome that was saved.

        Raises:
            InputError: the file is missing or is no outcome.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return Outcome(
                measures=tuple(Measure(**row) for row in content["measures"]),
                input=content["input"],
                mesh=content["mesh"],
                run=content["run"],
                profiles={
                    phase: Profile(**{name: np.array(values, dtype=np.float64) for name, values in columns.items()})
                    for phase, columns in content.get("profiles", {}).items()
                },
                notes=tuple(content.get("notes", ())),
            )
        except OSError as error:
            raise InputError(f"The outcome {path} cannot be read ({error.strerror or error}).") from error
        except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"The file {path} is not an outcome ({error}).") from error


def _plain(value: Any) -> Any:
    """The same value in the words of JSON; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def assess(recording: "Recording") -> Outcome:
    """Measure a recording: the lumen, the stent, what holds between them, and the wall, before, inflated or released, and after.

    What a recording does not hold, such as the states that follow a run that stopped early, is left out and said in a note.
    """
    frames = dict(_kept_frames(recording))
    if not frames:
        return _outcome(
            recording, Findings(notes=("Nothing could be measured: the recording holds no state before, inflated or after.",)), {}
        )
    placed = list(frames.values())[-1]
    path, lumen = recording.case.path, recording.case.mesh.face_sets["lumen"]
    extents = extents_of(recording.case, placed)
    stent_mm = min(first for first, _ in extents), max(last for _, last in extents)
    stations = stations_to_cut(path, fine=(stent_mm[0] - BESIDE_MM, stent_mm[1] + BESIDE_MM))
    profiles = {phase: profile_along(frame.vertices, lumen, path, stations=stations) for phase, frame in frames.items()}
    findings, lesion = _lumen(profiles, stent_mm, opened=recording.case.device.opened)
    geometry_only = bool(recording.header.get("geometry_only"))
    findings += stents_findings(recording.case, frames, lesion, with_forces=not geometry_only)
    if lesion is not None:
        findings += _against_lesion(recording, profiles, lesion, stent_mm, findings)
    if "dt_s" in recording.header["run"]:
        findings += inflation_findings(recording.ticks, dt_s=float(recording.header["run"]["dt_s"]))
    if recording.case.over is not None:
        findings += delivery_findings(
            recording.ticks,
            dt_s=float(recording.header["run"]["dt_s"]),
            extents_mm=extents,
            planned_mm=[one.station_mm for one in recording.case.stents],
        )
    for phase in () if geometry_only else frames:
        if phase != "before":
            findings += _wall(recording, frames[phase], phase, stent_mm)
    return _outcome(recording, findings, profiles)


def _outcome(recording: "Recording", findings: Findings, profiles: dict[str, Profile]) -> Outcome:
    header = recording.header
    own = tuple(str(note) for note in getattr(recording.case, "notes", ()))
    return Outcome(
        measures=findings.measures,
        input=dict(header.get("input", {})),
        mesh=dict(header.get("mesh", {})),
        run=dict(header.get("run", {})),
        profiles=profiles,
        notes=tuple(dict.fromkeys(own + recording.events + findings.notes)),
    )


def _kept_frames(recording: "Recording") -> Iterator[tuple[str, "Frame"]]:
    for phase in moments_of(recording.case):
        try:
            frame = recording.frame_of_phase(phase)  # pyright: ignore[reportArgumentType]
        except (LookupError, ValueError):
            continue
        if np.isfinite(frame.vertices).all() and np.isfinite(frame.device).all():
            yield phase, frame


def _lumen(profiles: dict[str, Profile], stent_mm: tuple[float, float], *, opened: str) -> tuple[Findings, Lesion | None]:
    if "before" not in profiles:
        return Findings(notes=("The lumen's figures need the state before, which was not kept.",)), None
    try:
        lesion = find_lesion(profiles["before"], between=(stent_mm[0] - SEGMENT_MM, stent_mm[1] + SEGMENT_MM))
    except InputError as error:
        return Findings(notes=(str(error),)), None
    return lumen_findings(profiles, lesion, stent_mm=stent_mm, opened=opened), lesion


def _against_lesion(
    recording: "Recording", profiles: dict[str, Profile], lesion: Lesion, stent_mm: tuple[float, float], so_far: Findings
) -> Findings:
    """What of the stent holds against the lesion: where it landed, in what size, how well by MUSIC, and the flow that is left."""
    before, after = profiles["before"], profiles["after"].between(*stent_mm) if "after" in profiles else None
    smallest = float(before.between(lesion.start_mm, lesion.end_mm).area.min())
    narrowed = Stenosis(lesion.reference_area_mm2, smallest, lesion.length_mm)
    if after is None or not len(after):
        return flow_findings(narrowed, None)
    known = {one.name: one.value for one in so_far.measures}
    widest = max(one.stent.diameter_mm for one in recording.case.stents)
    findings = landing_findings(lesion, stent_mm=stent_mm, nominal_diameter_mm=widest)
    findings += music_findings(
        malapposed_share=known["malapposed struts"],
        minimum_stent_area_mm2=known["minimum stent area"],
        references_mm2=reference_areas(before, lesion),
        eccentricity=eccentricity(after)[0],
    )
    left = Stenosis(lesion.reference_area_mm2, float(after.area.min()), lesion.length_mm)
    return findings + flow_findings(narrowed, left)


def _wall(recording: "Recording", frame: "Frame", phase: str, stent_mm: tuple[float, float]) -> Findings:
    mesh, path = recording.case.mesh, recording.case.path
    return wall_findings(
        np.asarray(frame.stress, dtype=np.float64),
        phase=phase,
        vertices=frame.vertices,
        tets=mesh.tets,
        labels=mesh.labels,
        label_names=mesh.label_names,
        path=path,
        between_mm=(max(stent_mm[0] - SEGMENT_MM, 0.0), min(stent_mm[1] + SEGMENT_MM, path.length)),
        middle_mm=0.5 * (stent_mm[0] + stent_mm[1]),
    )
