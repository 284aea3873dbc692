"""The task that each solver of the benchmark gets: a soft beam, clamped at one end, that its weight bends by half its length.

Meshes, loads and laws are plain arrays, so that any code can take them, and `reference` is the float64 answer of linear
tetrahedra on that very mesh: what a solver should come to rest at, however good or bad the mesh is for the beam itself.
A `Record` tells how one run of one solver got there, and in what time.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SIZE = (0.08, 0.04, 0.04)
"""Length, width and height of the beam [m]."""

CELLS = {6: (14, 6, 6), 25: (20, 10, 10), 100: (32, 16, 16), 500: (56, 28, 28)}
"""Cells along, across and up the beam, for a size in thousands of tetrahedra; a cell gives twelve."""

STAY_S = 0.1
"""How long [s, simulated] a run that was cut off must have been within the bound to count."""

Settings = Mapping[str, float | int | str]

NEO_HOOKEAN, COROTATED = "stable neo-Hookean", "corotated"


@dataclass(frozen=True)
class Scene:
    """A body of one material, held at some vertices, under gravity, from rest.

    vertices (n, 3) [m]; tets (m, 4), positive volume, none with all four corners on the surface; held: vertices that stay;
    tip: the two upper corners of the free end, whose mean sinking is the figure looked at; young [Pa]; density [kg/m³];
    gravity (3,) [m/s²].
    """

    name: str
    vertices: np.ndarray
    tets: np.ndarray
    held: np.ndarray
    tip: np.ndarray
    young: float
    poisson: float
    density: float
    gravity: np.ndarray

    @property
    def shear_modulus(self) -> float:
        """Lamé's μ [Pa]."""
        return self.young / (2.0 * (1.0 + self.poisson))

    @property
    def first_lame(self) -> float:
        """Lamé's λ [Pa]."""
        return self.young * self.poisson / ((1.0 + self.poisson) * (1.0 - 2.0 * self.poisson))

    @property
    def masses(self) -> np.ndarray:
        """Mass of each vertex, a quarter of that of each tet around it (n,) [kg]."""
        corners = self.vertices[self.tets]
        volumes = np.linalg.det(corners[:, 1:] - corners[:, :1]) / 6.0
        return np.bincount(self.tets.ravel(), np.repeat(0.25 * self.density * volumes, 4), minlength=len(self.vertices))

    def tip_drop(self, displacement: np.ndarray) -> float:
        """How far the tip has sunk [m], of a displacement of all vertices (n, 3) [m]."""
        return float(-displacement[self.tip, 2].mean())

    def save(self, file: Path) -> None:
        """Write the scene as an .npz of plain arrays."""
        np.savez(file, **self.__dict__)

    @classmethod
    def load(cls, file: Path) -> "Scene":
        """Read what `save` wrote."""
        with np.load(file) as held:
            plain = {name: held[name] for name in held.files}
        return cls(**{name: value.item() if value.ndim == 0 else value for name, value in plain.items()})


def cantilever(thousands: int = 6, *, poisson: float = 0.45) -> Scene:
    """A beam of 80 × 40 × 40 mm, E = 10 kPa, 1,000 kg/m³, clamped at x = 0, of about so many thousand tets, one of CELLS."""
    vertices, tets = _block(CELLS[thousands])
    vertices = vertices * np.array(SIZE)
    upper_edge = (vertices[:, 0] > SIZE[0] - 1e-9) & (vertices[:, 2] > SIZE[2] - 1e-9)
    corner = (vertices[:, 1] < 1e-9) | (vertices[:, 1] > SIZE[1] - 1e-9)
    return Scene(
        name=f"cantilever, {len(tets):,} tets, ν = {poisson:g}",
        vertices=vertices,
        tets=tets,
        held=np.flatnonzero(vertices[:, 0] < 1e-9),
        tip=np.flatnonzero(upper_edge & corner),
        young=10e3,
        poisson=poisson,
        density=1000.0,
        gravity=np.array([0.0, 0.0, -9.81]),
    )


def _block(cells: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and tets (m, 4) of a unit block: each cell's middle joined to two triangles of each of its six sides.

    So each tet has a corner within the block: genesis splits tets that have none and would solve another mesh.
    """
    count = np.array(cells)
    corners = np.stack(np.meshgrid(*(np.arange(c + 1) for c in count), indexing="ij"), axis=-1).reshape(-1, 3)
    places = np.stack(np.meshgrid(*(np.arange(c) for c in count), indexing="ij"), axis=-1).reshape(-1, 3)
    middles = len(corners) + np.arange(len(places))
    tets = []
    for axis, far in itertools.product(range(3), (0, 1)):
        across = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
        first = places + far * np.eye(3, dtype=np.int64)[axis]
        quad = np.stack([first, first + across[0], first + across[0] + across[1], first + across[1]], axis=1)
        # The diagonal joins corners whose indices have an even sum, which both neighbours of a side find alike.
        odd = quad[:, 0].sum(axis=1) % 2 == 1
        quad[odd] = np.roll(quad[odd], 1, axis=1)
        ring = np.asarray(np.ravel_multi_index(tuple(np.moveaxis(quad, 2, 0)), tuple(count + 1)))
        tets += [np.column_stack([middles, ring[:, [0, a, b]]]) for a, b in ((1, 2), (2, 3))]
    vertices = np.concatenate([corners, places + 0.5]) / count
    # Neighbours in space are made neighbours in memory, from which every code gains.
    order = np.lexsort((vertices[:, 2], vertices[:, 1], vertices[:, 0]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    tets = place[np.stack(tets, axis=1).reshape(-1, 4)]
    edges = vertices[order][tets]
    inverted = np.linalg.det(edges[:, 1:] - edges[:, :1]) < 0.0
    tets[inverted] = tets[inverted][:, [0, 2, 1, 3]]
    return vertices[order], tets


@dataclass(frozen=True)
class Law:
    """A hyperelastic law: functions of deformation gradients F (m, 3, 3) to energy (m,) [J/m³], stress P = ∂ψ/∂F (m, 3, 3)
    [Pa] and its slope ∂P/∂F (m, 3, 3, 3, 3), made positive where asked."""

    energy: Callable[[np.ndarray], np.ndarray]
    stress: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, bool], np.ndarray]


LEVI_CIVITA = np.array([[[(i - j) * (j - k) * (k - i) / 2.0 for k in range(3)] for j in range(3)] for i in range(3)])
IDENTITY = np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3))


def _cofactor(f: np.ndarray) -> np.ndarray:
    return np.stack([np.cross(f[:, :, (k + 1) % 3], f[:, :, (k + 2) % 3]) for k in range(3)], axis=2)


def stable_neo_hookean(mu: float, lame: float) -> Law:
    """ψ = μ/2 (I_C − 3) + (λ+μ)/2 (J − 1 − μ/(λ+μ))²: Smith et al. 2018, doi:10.1145/3180491, without its log term; [Pa]."""
    stiff, rest = lame + mu, 1.0 + mu / (lame + mu)

    def energy(f: np.ndarray) -> np.ndarray:
        return 0.5 * mu * ((f**2).sum(axis=(1, 2)) - 3.0) + 0.5 * stiff * (np.linalg.det(f) - rest) ** 2

    def stress(f: np.ndarray) -> np.ndarray:
        return mu * f + stiff * (np.linalg.det(f) - rest)[:, None, None] * _cofactor(f)

    def slope(f: np.ndarray, positive: bool) -> np.ndarray:
        cofactor = _cofactor(f)
        result = mu * IDENTITY + stiff * np.einsum("eij,ekl->eijkl", cofactor, cofactor)
        if not positive:
            pressure = (stiff * (np.linalg.det(f) - rest))[:, None, None] * f
            result += np.einsum("ikm,jln,emn->eijkl", LEVI_CIVITA, LEVI_CIVITA, pressure, optimize=True)
        return result

    return Law(energy, stress, slope)


def corotated(mu: float, lame: float) -> Law:
    """ψ = μ |F − R|² + λ/2 (tr(RᵀF) − 3)², R the rotation of F; [Pa]: Kim & Eberle 2022, doi:10.1145/3532720.3535628."""

    def parts(f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        u, stretch, vt = np.linalg.svd(f)
        flip = np.sign(np.linalg.det(u @ vt))
        u[:, :, 2] *= flip[:, None]
        stretch[:, 2] *= flip
        return u, stretch, vt

    def energy(f: np.ndarray) -> np.ndarray:
        stretch = parts(f)[1]
        return mu * ((stretch - 1.0) ** 2).sum(axis=1) + 0.5 * lame * (stretch.sum(axis=1) - 3.0) ** 2

    def stress(f: np.ndarray) -> np.ndarray:
        u, stretch, vt = parts(f)
        rotation, dilation = u @ vt, stretch.sum(axis=1) - 3.0
        return 2.0 * mu * (f - rotation) + lame * dilation[:, None, None] * rotation

    def slope(f: np.ndarray, positive: bool) -> np.ndarray:
        u, stretch, vt = parts(f)
        rotation, dilation = u @ vt, stretch.sum(axis=1) - 3.0
        result = 2.0 * mu * IDENTITY + lame * np.einsum("eij,ekl->eijkl", rotation, rotation)
        for i, j in ((0, 1), (1, 2), (0, 2)):
            turn = (u[:, :, i, None] * vt[:, None, j, :] - u[:, :, j, None] * vt[:, None, i, :]) / np.sqrt(2.0)
            factor = 2.0 * (lame * dilation - 2.0 * mu) / np.maximum(stretch[:, i] + stretch[:, j], 1e-6)
            factor = np.maximum(factor, -2.0 * mu) if positive else factor
            result += np.einsum("e,eij,ekl->eijkl", factor, turn, turn)
        return result

    return Law(energy, stress, slope)


LAWS: dict[str, Callable[[float, float], Law]] = {NEO_HOOKEAN: stable_neo_hookean, COROTATED: corotated}
"""Laws of (μ, λ) by name: the scene's own, and that of genesis' implicit solver."""


def reference(scene: Scene, *, law: str = NEO_HOOKEAN, cache: Path | None = None) -> np.ndarray:
    """The displacement (n, 3) [m] at rest, of linear tets of one law, to a residual of 1e-10 of the weight, in float64.

    Newton's method on the potential with a direct solver (scipy's SuperLU), the load raised in steps and each step shortened
    until the potential falls. From a folder `cache` an earlier answer is taken, and put there. Raises RuntimeError where
    Newton's method does not come to rest. The largest mesh takes minutes and some gigabytes.
    """
    file = cache and cache / f"{len(scene.tets)}-{scene.poisson:g}-{law.replace(' ', '-')}.npy"
    if file and file.is_file():
        return np.load(file)
    displacement = _Statics(scene, LAWS[law](scene.shear_modulus, scene.first_lame)).solve()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, displacement)
    return displacement


class _Statics:
    """Forces, tangent and Newton's method for one scene and one law."""

    def __init__(self, scene: Scene, law: Law) -> None:
        self.scene, self.law = scene, law
        corners = scene.vertices[scene.tets]
        edges = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
        self.volumes = np.linalg.det(edges) / 6.0
        inverse = np.linalg.inv(edges)
        # Slopes of the four shape functions (m, 4, 3) [1/m].
        self.slopes = np.concatenate([-inverse.sum(axis=1, keepdims=True), inverse], axis=1)
        self.freedoms = (3 * scene.tets[:, :, None] + np.arange(3)).reshape(-1, 12)
        free = np.ones((len(scene.vertices), 3), dtype=bool)
        free[scene.held] = False
        self.free = np.flatnonzero(free)
        self.weight = (scene.masses[:, None] * scene.gravity).ravel()

    def gradients(self, u: np.ndarray) -> np.ndarray:
        """Deformation gradients (m, 3, 3) of a displacement (3n,) [m]."""
        return np.eye(3) + np.einsum("eai,eaj->eij", u.reshape(-1, 3)[self.scene.tets], self.slopes)

    def potential(self, u: np.ndarray, load: np.ndarray) -> float:
        """Elastic energy less the work of the load [J]."""
        return float(self.volumes @ self.law.energy(self.gradients(u)) - load @ u)

    def residual(self, u: np.ndarray, load: np.ndarray) -> np.ndarray:
        """Load less elastic force at the free freedoms [N]."""
        pull = np.einsum("e,eij,eaj->eai", self.volumes, self.law.stress(self.gradients(u)), self.slopes)
        return (load - np.bincount(self.freedoms.ravel(), pull.ravel(), minlength=len(u)))[self.free]

    def direction(self, u: np.ndarray, residual: np.ndarray, positive: bool) -> np.ndarray:
        """Newton's step at the free freedoms [m]."""
        from scipy import sparse
        from scipy.sparse import linalg

        slope = self.law.slope(self.gradients(u), positive) * self.volumes[:, None, None, None, None]
        half = np.einsum("eijkl,ebl->eijkb", slope, self.slopes)
        block = np.einsum("eaj,eijkb->eaibk", self.slopes, half).reshape(-1)
        rows, columns = np.repeat(self.freedoms, 12, axis=1).ravel(), np.tile(self.freedoms, (1, 12)).ravel()
        tangent = sparse.coo_array((block, (rows, columns)), shape=(len(u), len(u))).tocsc()[self.free][:, self.free]
        # The tangent is symmetric, for which the ordering of AᵀA that is SuperLU's own choice fills in far more.
        factors = linalg.splu(tangent.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        return factors.solve(residual)

    def solve(self, *, parts: int = 3, tolerance: float = 1e-10, most: int = 40) -> np.ndarray:
        """The displacement at rest (n, 3) [m], the load raised in so many parts."""
        u, whole = np.zeros(len(self.weight)), np.linalg.norm(self.weight[self.free])
        for part in range(1, parts + 1):
            load = self.weight * part / parts
            for _ in range(most):
                residual = self.residual(u, load)
                if np.linalg.norm(residual) < (tolerance if part == parts else 1e-2) * whole:
                    break
                u = self._advanced(u, load, residual)
            else:
                raise RuntimeError(f"Newton's method for {self.scene.name} has not come to rest in {most} steps")
        return u.reshape(-1, 3)

    def _advanced(self, u: np.ndarray, load: np.ndarray, residual: np.ndarray) -> np.ndarray:
        step = self.direction(u, residual, False)
        if step @ residual <= 0.0:
            step = self.direction(u, residual, True)
        start, downhill, share = self.potential(u, load), step @ residual, 1.0
        while share > 1e-6:
            trial = u.copy()
            trial[self.free] += share * step
            # Close to rest the potential's own rounding hides how far it falls.
            if self.potential(trial, load) <= start - 1e-4 * share * downhill + 1e-13 * abs(start):
                return trial
            share *= 0.5
        raise RuntimeError(f"no step along Newton's direction lowers the potential of {self.scene.name}")


@dataclass(frozen=True)
class Record:
    """What one run of a peer gave.

    times, wall, cpu, drops: of each look the simulated time, the wall-clock and processor time so far (all threads,
    compilation left out) [s], and how far the tip has sunk [m]; felupe's rows are Newton steps, at no time. `ended` is "at
    rest", "budget", "time" or "diverged". `absent` says why there is no run, if there is none; all else is empty then.
    """

    peer: str
    settings: Settings
    law: str = NEO_HOOKEAN
    absent: str = ""
    device: str = ""
    versions: str = ""
    build_s: float = 0.0
    compile_s: float = 0.0
    steps: int = 0
    ended: str = ""
    times: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    drops: list[float] = field(default_factory=list)
    displacement: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    def tip_error(self, drop: float) -> float:
        """How much more than it should [m] the tip has sunk at the end, as a share."""
        return self.drops[-1] / drop - 1.0

    def error(self, reference: np.ndarray) -> float:
        """Root mean square of the displacement's error at the end, as a share of that of the reference (n, 3) [m]."""
        return float(np.sqrt(((self.displacement - reference) ** 2).sum() / (reference**2).sum()))

    def time_to(self, drop: float, *, within: float = 0.01) -> tuple[float, float, float] | None:
        """Wall-clock, processor and simulated time [s] from which the tip stays within a share of the drop [m] it should have;
        None if it never does."""
        outside = [row for row, now in enumerate(self.drops) if not abs(now / drop - 1.0) <= within]
        first = outside[-1] + 1 if outside else 0
        if first >= len(self.drops) or self.ended == "diverged":
            return None
        if self.ended in ("budget", "time") and self.times[-1] - self.times[first] < STAY_S:
            return None
        return self.wall[first], self.cpu[first], self.times[first]

    def told(self, drop: float, *, within: float = 0.01) -> str:
        """The time to accuracy in words: wall-clock / processor seconds, or never within so many."""
        found = self.time_to(drop, within=within)
        return f"{found[0]:.1f} / {found[1]:.1f}" if found else f"never within {self.wall[-1]:.0f} s ({self.ended})"
