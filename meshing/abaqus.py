"""Abaqus input files (.inp), as meshing programs and finite-element programs write them: nodes, elements and element sets."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from meshing.errors import InputError

CORNERS_FIRST = {4: "tetra", 10: "tetra10"}
OTHER_VOLUMES = {5: "pyramid", 6: "wedge", 8: "hexahedron", 15: "wedge15", 20: "hexahedron20", 27: "hexahedron27"}


@dataclass
class AbaqusMesh:
    """What an .inp file holds of a volume mesh.

    points: (node_count, 3), in the file's unit.
    tets: (tet_count, 4) corner numbers, counted from 0.
    second_order_count: how many of the tets had ten nodes.
    other_counts: elements of each other kind.
    sets: element set's name to the tets in it, (tet_count,) bool; those that a section gives a material, else all.
    """

    points: np.ndarray
    tets: np.ndarray
    second_order_count: int
    other_counts: dict[str, int]
    sets: dict[str, np.ndarray]


@dataclass
class _Parts:
    """What has been read so far, by the file's own numbers."""

    nodes: list[np.ndarray] = field(default_factory=list)
    elements: list[np.ndarray] = field(default_factory=list)
    numbers: list[np.ndarray] = field(default_factory=list)
    second_order_count: int = 0
    others: dict[str, int] = field(default_factory=dict)
    sets: dict[str, list[np.ndarray]] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)


def read_abaqus(path: Path) -> AbaqusMesh:
    """Read an .inp file that holds one part.

    Raises InputError for several parts, for a file that refers to another, and for lines that are no numbers.
    """
    found = _Parts()
    text = path.read_text(encoding="utf-8", errors="replace")
    # A keyword's line may end in a comma and go on in the next.
    blocks = re.split(r"^[ \t]*\*(?!\*)", re.sub(r"^[ \t]*\*\*.*\n?", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    part_count = sum(bool(re.match(r"part\b", block, re.IGNORECASE)) for block in blocks)
    if part_count > 1:
        raise InputError(f"{path.name} holds {part_count} parts, each with numbers of its own. Export them as one mesh.")
    for block in blocks:
        head, *lines = block.splitlines()
        while head.rstrip().endswith(",") and lines:
            head += lines.pop(0)
        keyword, *words = (word.strip() for word in head.split(","))
        options = {key.strip().lower(): value.strip().strip('"') for key, _, value in (word.partition("=") for word in words)}
        lines = [line.strip().strip(",") for line in lines if line.strip().strip(",")]
        try:
            _take(found, keyword.lower(), options, lines)
        except ValueError as error:
            if isinstance(error, InputError):
                raise InputError(f"{path.name}: {error}") from error
            raise InputError(
                f'{path.name} has lines under "*{keyword}" that are not the numbers expected there ({error}). Export it again.'
            ) from error
    return _joined(found, path)


def _take(found: _Parts, keyword: str, options: dict[str, str], lines: list[str]) -> None:
    if keyword == "include":
        raise InputError(f"it refers to another file, {options.get('input', '')}. Export one file that holds all.")
    if keyword == "node" and lines:
        found.nodes.append(_numbers(lines).reshape(len(lines), -1)[:, :4])
    elif keyword == "element":
        _take_elements(found, options, lines)
    elif keyword == "elset" and "elset" in options:
        members = found.sets.setdefault(options["elset"], [])
        if "generate" in options:
            for line in lines:
                first, last, *step = (int(word) for word in line.split(","))
                members.append(np.arange(first, last + 1, *step))
            return
        words = [word.strip() for word in ",".join(lines).split(",") if word.strip()]
        members.append(np.array([int(word) for word in words if word.isdecimal()], np.int64))
        for name in (word for word in words if not word.isdecimal()):
            members.extend(found.sets.get(name, []))
    elif keyword.endswith("section") and "elset" in options:
        found.sections.append(options["elset"])


def _take_elements(found: _Parts, options: dict[str, str], lines: list[str]) -> None:
    """One block of elements, which are all of one type; an element may go over several lines."""
    kind = options.get("type", "").upper()
    solid = re.match(r"(?:C3D|DC3D|F3D|AC3D)(\d+)", kind)
    node_count = int(solid.group(1)) if solid else 0
    if node_count not in CORNERS_FIRST:
        name = OTHER_VOLUMES.get(node_count, kind if solid else "surface or line element")
        found.others[name] = found.others.get(name, 0) + len(lines)
        return
    rows = _numbers(lines).astype(np.int64).reshape(-1, node_count + 1)
    found.numbers.append(rows[:, 0])
    found.elements.append(rows[:, 1:5])
    if node_count == 10:
        found.second_order_count += len(rows)
    if "elset" in options:
        found.sets.setdefault(options["elset"], []).append(rows[:, 0])


def _numbers(lines: list[str]) -> np.ndarray:
    return np.array([float(word) for word in ",".join(lines).split(",")])


def _joined(found: _Parts, path: Path) -> AbaqusMesh:
    nodes = np.concatenate(found.nodes) if found.nodes else np.empty((0, 4))
    if nodes.shape[1] != 4:
        raise InputError(f"{path.name} gives its nodes {nodes.shape[1] - 1} coordinates; a volume mesh needs three.")
    tets = np.concatenate(found.elements) if found.elements else np.empty((0, 4), np.int64)
    numbers = np.concatenate(found.numbers) if found.numbers else np.empty(0, np.int64)
    node_numbers = nodes[:, 0].astype(np.int64)
    order = np.argsort(node_numbers, kind="stable")
    place = np.minimum(np.searchsorted(node_numbers[order], tets), max(len(nodes) - 1, 0))
    if tets.size and (not len(nodes) or (node_numbers[order][place] != tets).any()):
        missing = tets[node_numbers[order][place] != tets][0] if len(nodes) else tets[0, 0]
        raise InputError(f"{path.name} has a tetrahedron at node {missing}, which it does not define. Export it again.")
    sets = {name: np.isin(numbers, np.concatenate(members)) for name, members in found.sets.items() if members}
    with_material = {name: sets[name] for name in found.sections if name in sets}
    kept = {name: chosen for name, chosen in (with_material or sets).items() if chosen.any()}
    return AbaqusMesh(nodes[:, 1:], order[place], found.second_order_count, found.others, kept)
