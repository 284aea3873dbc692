"""A stent as a graph: joints, crowns and tips, and the struts between them as lines with a width and a thickness."""

import dataclasses

import numpy as np

from meshing.struts.axis import StentAxis

JOINT, CROWN, TIP = "joint", "crown", "tip"


@dataclasses.dataclass(frozen=True, eq=False)
class Strut:
    """One strut's middle line.

    Attributes
    ----------
    start, end
        Numbers of the nodes at its ends.
    points
        Along it, the first and the last at its nodes [mm], shape (k, 3).
    normals
        Unit normals of the stent's mid-surface there, away from the axis, shape (k, 3).
    widths, thicknesses
        Of its section along the mid-surface, and across it [mm], shape (k,).
    """

    start: int
    end: int
    points: np.ndarray
    normals: np.ndarray
    widths: np.ndarray
    thicknesses: np.ndarray

    @property
    def length(self) -> float:
        """Along its middle [mm]."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    @property
    def volume(self) -> float:
        """Of a rod of its sections [mm³]."""
        area = self.widths * self.thicknesses
        return float(0.5 * (area[1:] + area[:-1]) @ np.linalg.norm(np.diff(self.points, axis=0), axis=1))


@dataclasses.dataclass(frozen=True, eq=False)
class StrutGraph:
    """Struts and the nodes at which they meet; all in millimetres, in the mesh's own frame.

    Attributes
    ----------
    axis
        The stent's.
    nodes
        [mm], shape (n, 3).
    kinds
        Of each node: "joint" where three struts or more meet, "crown" where a line turns back along the axis, "tip" at a free
        end.
    struts
        Between nodes.
    metal_volume
        Of the mesh, bodies that overlap counted once [mm³].
    pixel
        Of the picture from which the lines were traced [mm].
    """

    axis: StentAxis
    nodes: np.ndarray
    kinds: tuple[str, ...]
    struts: tuple[Strut, ...]
    metal_volume: float
    pixel: float

    @property
    def rods_volume(self) -> float:
        """Of all struts as rods; where they meet they overlap [mm³]."""
        return sum(strut.volume for strut in self.struts)

    @property
    def length(self) -> float:
        """Of all struts [mm]."""
        return sum(strut.length for strut in self.struts)

    @property
    def joint_count(self) -> int:
        """Nodes at which three struts or more meet."""
        return self.kinds.count(JOINT)

    @property
    def crown_count(self) -> int:
        """Nodes at which a line turns back along the axis."""
        return self.kinds.count(CROWN)

    @property
    def tip_count(self) -> int:
        """Free ends."""
        return self.kinds.count(TIP)

    def pieces(self) -> np.ndarray:
        """Number of the piece to which each node belongs, shape (n,); pieces do not hang together."""
        return pieces_of(len(self.nodes), [(strut.start, strut.end) for strut in self.struts])

    def report(self) -> str:
        """What was found, in a few lines with units."""
        widths = np.concatenate([strut.widths for strut in self.struts])
        thick = np.concatenate([strut.thicknesses for strut in self.struts])
        middles = [float(np.median(strut.widths)) for strut in self.struts]
        off = 100.0 * (self.rods_volume / self.metal_volume - 1.0)
        count = int(self.pieces().max()) + 1
        lines = [
            f"{count} piece{'s' * (count > 1)}, {len(self.struts)} struts, {self.joint_count} joints, "
            f"{self.crown_count} crowns, {self.tip_count} tips, {self.length:.4g} mm of line",
            f"width {widths.min():.3f} to {widths.max():.3f} mm; narrowest strut {min(middles):.3f} mm, "
            f"widest {max(middles):.3f} mm",
            f"thickness {thick.min():.3f} to {thick.max():.3f} mm",
            f"rods {self.rods_volume:.4g} mm³, mesh {self.metal_volume:.4g} mm³ ({off:+.1f} %)",
        ]
        return "\n".join(lines)


def pieces_of(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Number of the piece to which each of `count` nodes belongs that pairs join, shape (count,)."""
    from scipy import sparse
    from scipy.sparse import csgraph

    ends = np.array(pairs, int).reshape(-1, 2)
    matrix = sparse.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
    return csgraph.connected_components(matrix, directed=False)[1]
