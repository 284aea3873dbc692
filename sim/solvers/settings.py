"""How hard a tick is worked on, and what is told of it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """How hard a tick is worked on.

    Attributes
    ----------
    dt
        Length of a tick [s].
    newton_limit
        Most Newton steps in one tick.
    residual_bound
        Largest imbalance of force, as a share of the forces at work, at which a tick is done.
    linear_tolerance
        Reduction of the residual asked of conjugate gradients in one Newton step.
    linear_limit
        Most iterations of conjugate gradients in one Newton step.
    contact_ratio
        Stiffness of a contact as a multiple of the stiffness of the tissue's own vertices.
    contact_reach
        Distance from the wall within which a strut's contact is watched [m].
    friction
        Coulomb's coefficient between strut and wall; unverified, 0.1 to 0.2 is usual.
    multiplier_rounds
        Most updates of the contact forces in one tick; a further one is made only while something presses too deep.
    depth_bound
        How deep a strut's surface may press into the wall before another round, as a share of its half-thickness.
    overlap_bound
        How deep tissue may press into an obstacle or other tissue before another round, as a share of its mean edge.
    inverted_bound
        Largest share of elements that may be inside out at the end of a tick.
    static_residual_bound, static_newton_limit
        The same two for statics.
    """

    dt: float = 0.05
    newton_limit: int = 24
    residual_bound: float = 5e-3
    linear_tolerance: float = 0.1
    linear_limit: int = 400
    contact_ratio: float = 10.0
    contact_reach: float = 3e-4
    friction: float = 0.2
    multiplier_rounds: int = 4
    depth_bound: float = 0.2
    overlap_bound: float = 0.01
    inverted_bound: float = 1e-3
    static_residual_bound: float = 1e-4
    static_newton_limit: int = 40

    def __post_init__(self):
        for name in ("newton_limit", "linear_limit", "multiplier_rounds", "static_newton_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"A tick was given a {name} of {getattr(self, name)}; it takes at least 1.")
        if not self.dt > 0.0:
            raise ValueError(f"A tick was given a length of {self.dt:g} s; it must be positive.")


@dataclasses.dataclass(frozen=True)
class TickReport:
    """What one tick took: readings for the recording.

    `residual` is the largest remaining imbalance as a share of the forces at work; `deepest` is how far the deepest strut
    surface lies beyond the wall, or tissue beyond an obstacle or other tissue [m]; `inverted` how many elements are inside out
    for the moment.
    """

    residual: float
    newton_steps: int
    linear_iterations: int
    energy: float
    deepest: float
    inverted: int


class DivergedError(RuntimeError):
    """A tick that cannot be finished; says at which tick and which element."""
