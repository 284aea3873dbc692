"""Recording: what was asked and what came of it; written as it goes, played without a solver."""

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from meshing.errors import InputError
from scenarios.balloon_shape import BalloonShape, balloon_shape
from scenarios.case import Case, load_case
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.devices.over_wire import CATHETER
from scenarios.devices.self_expanding import SHEATH
from scenarios.devices.several import balloon_called
from scenarios.passage.passage import Passage, load_passage
from scenarios.procedure import Keyframe, Procedure
from sim.body import Body
from sim.readings import first_principal_stress

if TYPE_CHECKING:
    from scenarios.rehearsal import Rehearsal
    from sim.command import Command
    from sim.solvers.settings import TickReport

FORMAT = 2
"""Version of the files' layout."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """One sampled state, in millimetres of the patient.

    Attributes
    ----------
    tick, time_s, phase
        When: number of ticks done, time [s], and the procedure's phase, such as "before", "inflated", "after".
    vertices
        The wall's vertices, shape (n, 3).
    device
        The stents' nodes, one stent after the other, shape (k, 3).
    balloon
        The balloon that is full, or the stent's, folded away.
    balloon_pressure_atm
        Gauge pressure in the stent's balloon; of several stents' in that which has the most.
    sheath_mm
        How far the first stent's sheath has been drawn back; None where it has none.
    stress
        First principal Cauchy stress of each tet [kPa], shape (m,); nought where no forces were solved.
    contact_force
        Force of each sample point of the stent on the wall [N], shape (s,).
    waiting
        Names of the stents that are not in the vessel yet; their nodes are where they ride along with it.
    lines
        Nodes of the wire and the catheter that all goes over, by their names, each of shape (q, 3); none without.
    sheaths_mm
        How far each sheath has been drawn back, by its name in commands.
    """

    tick: int
    time_s: float
    phase: str
    vertices: np.ndarray
    device: np.ndarray
    balloon: BalloonShape
    balloon_pressure_atm: float
    stress: np.ndarray
    contact_force: np.ndarray
    sheath_mm: float | None = None
    waiting: tuple[str, ...] = ()
    lines: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    sheaths_mm: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording on disk, of a `Case` or a `Passage`; sampled states are read when they are asked for."""

    folder: Path
    header: dict[str, Any]
    ticks: list[dict[str, Any]]
    frame_ticks: list[int]
    case: Any
    body: Body
    first_displacement: np.ndarray

    @property
    def procedure(self) -> Procedure:
        """What was to be done."""
        about = self.header["procedure"]
        return Procedure(
            tuple(Keyframe(**key) for key in about["keyframes"]),
            about["blood_pressure_pa"],
            about["rated_burst_atm"],
            about.get("enters_s", {}),
        )

    @property
    def events(self) -> tuple[str, ...]:
        """What happened, in sentences."""
        return tuple(event for row in self.ticks for event in row["events"])

    def frame(self, index: int) -> Frame:
        """The sampled state of a number, counted from 0; negative numbers count from the end.

        Raises
        ------
        InputError
            If its file is missing or damaged.
        """
        tick = self.frame_ticks[index]
        arrays = self.arrays(index)
        about = self.ticks[tick - 1]
        displacement = arrays["displacement"].astype(float)
        device, lines = lines_apart(self.case, arrays["device"] * 1e3)
        pressures = {name: float(value) / ATMOSPHERE for name, value in about["command"]["balloons"].items()}
        vertices = (self.body.vertices + displacement) * 1e3
        sheaths = {name: 1e3 * float(way) for name, way in about["command"].get("sheaths", {}).items()}
        return Frame(
            tick=tick,
            time_s=about["time_s"],
            phase=about["phase"],
            vertices=vertices,
            device=device,
            balloon=balloon_shape(self.case, vertices, device, pressures, lines.get(CATHETER)),
            balloon_pressure_atm=_in_stents(self.case, pressures),
            stress=self._stress(displacement),
            contact_force=_of_stents(self.case, arrays["contact_force"].astype(float)),
            lines=lines,
            sheath_mm=None if self.case.sheathed is None else sheaths.get(SHEATH, 0.0),
            waiting=tuple(about["command"].get("waiting", ())),
            sheaths_mm=sheaths,
        )

    def _stress(self, displacement: np.ndarray) -> np.ndarray:
        """First principal stress [kPa]; nought where a stent was set to its diameter without solving forces."""
        if self.header.get("geometry_only"):
            return np.zeros(len(self.body.tets))
        return first_principal_stress(self.body, displacement) * 1e-3

    def arrays(self, index: int) -> dict[str, np.ndarray]:
        """What is kept of the sampled state of a number: "displacement", "device" [m], "contact_force" [N].

        Raises
        ------
        InputError
            If its file is missing or damaged.
        """
        tick = self.frame_ticks[index]
        path = self.folder / "recording" / "frames" / f"{tick:06d}.npz"
        try:
            with np.load(path) as file:
                arrays = dict(file)
            lost = {"displacement", "device", "contact_force"} - set(arrays)
            if lost:
                raise ValueError(f"it holds no {', '.join(sorted(lost))}")
        except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
            raise InputError(f"The state of tick {tick} in {path} cannot be read ({error}); choose another time.") from error
        return arrays

    def frame_of_phase(self, phase: str) -> Frame:
        """The last sampled state of a phase.

        Raises
        ------
        LookupError
            If the recording holds none.
        """
        found = [index for index, tick in enumerate(self.frame_ticks) if self.ticks[tick - 1]["phase"] == phase]
        if not found:
            raise LookupError(f"The recording holds no state of the phase {phase!r}.")
        return self.frame(found[-1])


def load_recording(folder: Path, *, of_any_layout: bool = False, passage_too: bool = False) -> Recording:
    """Open a recording, finished or not; one of another layout only where that is asked for, as far as it can be read.

    So for that of a passage, in which there is no stent.

    Raises
    ------
    InputError
        If the folder holds no recording, or one of another layout or of a passage, or its case is damaged.
    """
    inside = Path(folder) / "recording"
    if not (inside / "header.json").is_file():
        raise InputError(f"The folder {folder} holds no recording; name one that `vesalius rehearse` or `vesalius demo` made.")
    try:
        header = json.loads((inside / "header.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The recording in {folder} cannot be read ({error}).") from error
    if header.get("format") != FORMAT and not of_any_layout:
        raise InputError(
            f"The recording in {folder} has layout {header.get('format')}, this program reads {FORMAT}; make it again."
        )
    ticks = _read_ticks(inside / "ticks.jsonl")
    known = {row["tick"] for row in ticks}
    frames = sorted(int(path.stem) for path in (inside / "frames").glob("*.npz") if path.stem.isdigit())
    case = _load_case(inside / "case")
    if isinstance(case, Passage) and not passage_too:
        raise InputError(
            f"The recording in {folder} is of wires that were pushed, with no stent to show; use `vesalius review {folder}`, "
            "or open its report.html."
        )
    try:
        with np.load(inside / "rest.npz") as file:
            rest, displacement = file["vertices"], file["displacement"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"The recording in {folder} has lost the shape without pressure ({error}); make it again.") from error
    return Recording(
        folder=Path(folder),
        header=header,
        ticks=ticks,
        frame_ticks=[tick for tick in frames if tick in known],
        case=case,
        body=dataclasses.replace(case.body(), vertices=rest),
        first_displacement=displacement,
    )


def _load_case(folder: Path) -> Case | Passage:
    try:
        kind = json.loads((folder / "case.json").read_text(encoding="utf-8")).get("kind", "case")
    except (OSError, ValueError) as error:
        raise InputError(f"The case in {folder} cannot be read ({error}); make it again.") from error
    return load_passage(folder) if kind == "passage" else load_case(folder)


def _read_ticks(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a run that was killed may have left half a line at the end."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows


def lines_apart(case: Case | Passage, nodes: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The stents' nodes of all, shape (k, 3), and by their names those of the wire and the catheter that these go over."""
    if isinstance(case, Passage) or case.over is None:
        return nodes, {}
    first, wires = int(case.first_nodes[-1]), {}
    rest = nodes[first:]
    for name, count in case.over.counts().items():
        wires[name], rest = rest[:count], rest[count:]
    return nodes[:first], wires


def _of_stents(case: Case | Passage, forces: np.ndarray) -> np.ndarray:
    """Of the forces of all sample points those of the stents', which come first."""
    return forces if isinstance(case, Passage) or case.over is None else forces[: int(case.first_samples[-1])]


class Recorder:
    """Writes a recording tick by tick, so that what was recorded survives whatever stops the run."""

    def __init__(self, folder: Path, header: dict[str, Any], rows: Sequence[dict[str, Any]] = ()):
        self.folder = folder
        self._inside = folder / "recording"
        self._header = header
        self._lines = open(self._inside / "ticks.jsonl", "a", encoding="utf-8")  # noqa: SIM115  (closed by close)
        self._last: dict[str, Any] = rows[-1] if rows else {}
        self._worst_residual = max((row["residual"] for row in rows), default=0.0)
        self._deepest = max((row["deepest"] for row in rows), default=0.0)
        self._most_inverted = max((row["inverted"] for row in rows), default=0)

    @staticmethod
    def start(folder: Path, case: Case | Passage, header: dict[str, Any], *, body: Body, displacement: np.ndarray) -> "Recorder":
        """Begin a recording in `folder/recording`: the case, the shape without pressure, the header.

        Raises
        ------
        InputError
            If the folder already holds a recording or cannot be written.
        """
        inside = folder / "recording"
        if (inside / "header.json").exists():
            raise InputError(f"The folder {folder} already holds a recording; name another folder, or overwrite it by asking so.")
        try:
            (inside / "frames").mkdir(parents=True, exist_ok=True)
            (inside / "ticks.jsonl").unlink(missing_ok=True)
            case.save(inside / "case")
            write_arrays(inside / "rest.npz", vertices=body.vertices, displacement=displacement)
            write_json(inside / "header.json", header)
        except OSError as error:
            raise InputError(f"The recording cannot be written to {folder} ({error.strerror or error}).") from error
        return Recorder(folder, header)

    def tick(
        self,
        rehearsal: "Rehearsal",
        command: "Command",
        report: "TickReport",
        *,
        phase: str,
        sampled: bool,
        events: Sequence[str] = (),
        senses: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one tick, with what happened and what was felt in it, and its state if it is sampled."""
        state = rehearsal.state
        if sampled:
            write_arrays(
                self._inside / "frames" / f"{state.tick:06d}.npz",
                displacement=state.displacement.to_numpy().astype(np.float32),
                device=state.device_position + rehearsal.model.origin,
                contact_force=rehearsal.solver.contact_readings()[0],
            )
        self._last = {
            "tick": state.tick,
            "time_s": round(rehearsal.time_s, 9),
            "phase": phase,
            "command": dataclasses.asdict(command),
            "events": list(events),
            **({"senses": dict(senses)} if senses else {}),
            "digest": state.digest(),
            **dataclasses.asdict(report),
        }
        self._worst_residual = max(self._worst_residual, report.residual)
        self._deepest = max(self._deepest, report.deepest)
        self._most_inverted = max(self._most_inverted, report.inverted)
        self._lines.write(json.dumps(self._last) + "\n")
        self._lines.flush()

    def branch(self, tick: int) -> tuple["Recorder", str]:
        """Go back to a tick: begin another recording that shares the first ones, and keep this one beside it.

        The new one lies where this one lay, and its header says under `branches` to which tick it went back, from which, and
        in which folder what was undone is kept. Gives it and the name of that folder.

        Raises
        ------
        OSError
            If it cannot be written; this recording then stays as it is.
        """
        folder, fresh = self.folder, self.folder / "recording.new"
        number = next(number for number in range(1, 10**6) if not (folder / f"undone {number}").exists())
        kept = folder / f"undone {number}"
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "frames").mkdir(parents=True)
        shutil.copytree(self._inside / "case", fresh / "case")
        shutil.copy2(self._inside / "rest.npz", fresh)
        for path in (self._inside / "frames").glob("*.npz"):
            if int(path.stem) <= tick:
                shutil.copy2(path, fresh / "frames")
        rows = _read_ticks(self._inside / "ticks.jsonl")
        shared = rows[:tick]
        gone_back = {"back_to_tick": tick, "from_tick": len(rows), "kept_in": kept.name}
        header = {**self._header, "branches": [*self._header.get("branches", ()), gone_back]}
        write_json(fresh / "header.json", header)
        (fresh / "ticks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shared), encoding="utf-8")
        self.close()
        kept.mkdir()
        os.replace(self._inside, kept / "recording")
        os.replace(fresh, self._inside)
        return Recorder(folder, header, shared), kept.name

    def finish(self, *, wall_clock_s: float, first_tick_s: float) -> None:
        """Complete the header: how many ticks, the last digest, the residuals, the time it took."""
        self._header["complete"] = True
        self._header["run"] |= {
            "tick_count": self._last["tick"],
            "digest": self._last["digest"],
            "residual": self._last["residual"],
            "largest_residual": self._worst_residual,
            "deepest_strut_mm": self._deepest * 1e3,
            "most_inverted_elements": self._most_inverted,
            "inverted_elements_at_the_end": self._last["inverted"],
            "wall_clock_s": round(wall_clock_s, 1),
            "first_tick_s": round(first_tick_s, 1),
        }
        write_json(self._inside / "header.json", self._header)

    def close(self) -> None:
        """Close the list of ticks."""
        self._lines.close()


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays to an .npz file, whole or not at all."""
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    os.replace(temporary, path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write words and numbers to a .json file, whole or not at all."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, path)


def _in_stents(case: Case | Passage, pressures_atm: Mapping[str, float]) -> float:
    """The highest pressure in a balloon that bears a stent [atm]; nought in a passage, which has none."""
    if isinstance(case, Passage):
        return 0.0
    return max(pressures_atm.get(balloon_called(number), 0.0) for number in range(len(case.stents)))
