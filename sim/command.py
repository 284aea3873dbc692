"""Command: what the hands ask for in one tick."""

import dataclasses
import math
from collections.abc import Iterable, Mapping

import numpy as np
from scipy.spatial.transform import Rotation

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Motion:
    """Where something rigid is, told from where it was at rest: turned about a centre, then shifted.

    Attributes
    ----------
    translation
        Shift [m].
    rotation
        Axis times angle [rad].
    centre
        The point that the turn leaves in place [m].
    """

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Vector = (0.0, 0.0, 0.0)
    centre: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _vector(getattr(self, field.name)))

    def moved(self, points: np.ndarray) -> np.ndarray:
        """Points [m], shape (n, 3), at their new places."""
        centre = np.asarray(self.centre)
        return self.turned(points - centre) + centre + np.asarray(self.translation)

    def returned(self, points: np.ndarray) -> np.ndarray:
        """Where points [m] of the moved thing, shape (n, 3), were at rest."""
        centre = np.asarray(self.centre)
        back = Rotation.from_rotvec(np.asarray(self.rotation)).inv()
        return back.apply(points - centre - np.asarray(self.translation)) + centre

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Directions, shape (n, 3), turned with it."""
        return Rotation.from_rotvec(np.asarray(self.rotation)).apply(vectors)

    def numbers(self) -> np.ndarray:
        """Translation, rotation and centre, shape (9,)."""
        return np.array([*self.translation, *self.rotation, *self.centre])

    @staticmethod
    def from_numbers(numbers: np.ndarray) -> "Motion":
        """The motion that `numbers` told."""
        return Motion(_vector(numbers[:3]), _vector(numbers[3:6]), _vector(numbers[6:]))

    def blended(self, other: "Motion", share: float) -> "Motion":
        """A motion `share` of the way from this one to another about the same centre."""
        mixed = (
            tuple((1.0 - share) * a + share * b for a, b in zip(mine, theirs, strict=True))
            for mine, theirs in ((self.translation, other.translation), (self.rotation, other.rotation))
        )
        translation, rotation = mixed
        return Motion(translation, rotation, other.centre)  # pyright: ignore[reportArgumentType]


@dataclasses.dataclass(frozen=True)
class Drive:
    """What a hand does to the proximal end of a wire or catheter, told from where it was at first.

    Attributes
    ----------
    advance
        How far it is pushed in [m].
    turn
        How far it is turned about its direction inwards [rad]; less than half a turn from one tick to the next.
    """

    advance: float = 0.0
    turn: float = 0.0

    def blended(self, other: "Drive", share: float) -> "Drive":
        """A drive `share` of the way from this one to another."""
        return Drive(_between(self.advance, other.advance, share), _between(self.turn, other.turn, share))


@dataclasses.dataclass(frozen=True)
class Pull:
    """A probe that holds the tissue's surface by a spring to a hand.

    Attributes
    ----------
    vertex
        Of the boundary: the middle of what is held.
    target
        Where the hand is [m]; the spring is at rest where the middle of what is held is there too.
    stiffness
        Of the spring [N/m]; chosen for a hand, not measured.
    radius
        Of what is held [m]: see `sim.grips`; chosen.
    limit
        The most that the spring pulls [N], however far the hand goes; chosen.
    """

    vertex: int
    target: Vector
    stiffness: float = 300.0
    radius: float = 1.5e-3
    limit: float = 2.0

    def __post_init__(self):
        object.__setattr__(self, "target", _vector(self.target))
        for name, unit in (("stiffness", "N/m"), ("radius", "m"), ("limit", "N")):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"A pull was given a {name} of {getattr(self, name):g} {unit}; it must be positive and finite.")
        if not all(map(math.isfinite, self.target)):
            raise ValueError(f"A pull was given a target of {self.target} m; it must be three finite numbers.")

    def blended(self, other: "Pull", share: float) -> "Pull":
        """A pull `share` of the way from this one to another at the same vertex."""
        target = tuple(_between(a, b, share) for a, b in zip(self.target, other.target, strict=True))
        return dataclasses.replace(other, target=_vector(target))

    def eased(self, share: float) -> "Pull":
        """This pull with a share of its stiffness and limit; with none, nearly nothing."""
        share = max(share, 1e-6)
        return dataclasses.replace(self, stiffness=share * self.stiffness, limit=share * self.limit)


@dataclasses.dataclass(frozen=True)
class Command:
    """What is asked of the world in one tick: intent, never vertices.

    Vectors may be given as any three numbers and motions as their own fields by name, which is how a recording keeps them:
    `Command(**dataclasses.asdict(command))` is the same command, through JSON too.

    Attributes
    ----------
    blood_pressure
        In the lumen [Pa].
    balloons
        Pressure in named balloons [Pa]; those not named are folded.
    gravity
        Acceleration [m/s²].
    pressures
        On named surfaces [Pa], along their normals.
    tractions
        Force per rest area on named surfaces [Pa], in a fixed direction.
    moves
        Where named patches and obstacles are put; those not named stay where they are, obstacles at rest.
    activation
        How far muscle is active, 0 to 1.
    drives
        Where hands have put named wires and catheters; those not named stay where they are.
    sheaths
        How far named sheaths have been drawn back [m]; those not named are where they were at first.
    pulls
        What probes hold, by their names; those not named hold nothing.
    waiting
        Names of the rods that have not come into the vessel yet.
    riding
        Names of the rods that are on their way on a catheter.
    """

    blood_pressure: float = 0.0
    gravity: Vector = (0.0, 0.0, 0.0)
    pressures: Mapping[str, float] = dataclasses.field(default_factory=dict)
    tractions: Mapping[str, Vector] = dataclasses.field(default_factory=dict)
    moves: Mapping[str, Motion] = dataclasses.field(default_factory=dict)
    activation: float = 0.0
    drives: Mapping[str, Drive] = dataclasses.field(default_factory=dict)
    balloons: Mapping[str, float] = dataclasses.field(default_factory=dict)
    sheaths: Mapping[str, float] = dataclasses.field(default_factory=dict)
    pulls: Mapping[str, Pull] = dataclasses.field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    riding: tuple[str, ...] = ()

    @property
    def held_back(self) -> tuple[str, ...]:
        """Names of the rods that meet nothing yet: those that wait and those that ride."""
        return (*self.waiting, *self.riding)

    def __post_init__(self):
        drives = {name: one if isinstance(one, Drive) else Drive(**one) for name, one in self.drives.items()}
        moves = {name: one if isinstance(one, Motion) else Motion(**one) for name, one in self.moves.items()}
        object.__setattr__(self, "gravity", _vector(self.gravity))
        object.__setattr__(self, "pressures", dict(self.pressures))
        object.__setattr__(self, "tractions", {name: _vector(one) for name, one in self.tractions.items()})
        object.__setattr__(self, "moves", moves)
        object.__setattr__(self, "drives", drives)
        object.__setattr__(self, "balloons", dict(self.balloons))
        object.__setattr__(self, "sheaths", dict(self.sheaths))
        pulls = {name: one if isinstance(one, Pull) else Pull(**one) for name, one in self.pulls.items()}
        object.__setattr__(self, "pulls", pulls)
        object.__setattr__(self, "waiting", tuple(self.waiting))
        object.__setattr__(self, "riding", tuple(self.riding))

    def blended(self, other: "Command", share: float) -> "Command":
        """A command `share` of the way from this one to another."""

        def between(a: float, b: float) -> float:
            return _between(a, b, share)

        def vector(a: Vector, b: Vector) -> Vector:
            return (between(a[0], b[0]), between(a[1], b[1]), between(a[2], b[2]))

        def named(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
            return {name: between(a.get(name, 0.0), b.get(name, 0.0)) for name in {**a, **b}}

        nought = (0.0, 0.0, 0.0)
        return Command(
            blood_pressure=between(self.blood_pressure, other.blood_pressure),
            gravity=vector(self.gravity, other.gravity),
            pressures=named(self.pressures, other.pressures),
            tractions={
                name: vector(self.tractions.get(name, nought), other.tractions.get(name, nought))
                for name in {**self.tractions, **other.tractions}
            },
            moves={
                name: self.moves.get(name, Motion(centre=motion.centre)).blended(motion, share)
                for name, motion in {**self.moves, **other.moves}.items()
            },
            activation=between(self.activation, other.activation),
            drives={
                name: self.drives.get(name, drive).blended(drive, share)
                for name, drive in {**self.drives, **other.drives}.items()
            },
            balloons=named(self.balloons, other.balloons),
            sheaths=named(self.sheaths, other.sheaths),
            pulls={
                name: self.pulls[name].blended(pull, share) if name in self.pulls else pull.eased(share)
                for name, pull in other.pulls.items()
            },
            waiting=other.waiting,
            riding=other.riding,
        )


def _between(a: float, b: float, share: float) -> float:
    return (1.0 - share) * a + share * b


def _vector(values: Iterable[float]) -> Vector:
    x, y, z = (float(one) for one in values)
    return (x, y, z)
