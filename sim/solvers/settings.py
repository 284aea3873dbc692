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
        Stiffness of a contact as a multiple of the stiffness of the wall's own vertices.
    contact_reach
        Distance from the wall within which a strut's contact is watched [m].
    friction
        Coulomb's coefficient between strut and wall; unverified, 0.1 to 0.2 is usual.
    slip_bound
        Sliding within a tick below which strut and wall stick [m].
    multiplier_rounds
        Most updates of the contact forces in one tick; a further one is made only while a strut presses too deep.
    depth_bound
        How deep a strut's surface may press into the wall before another round, as a share of its half-thickness.
    inverted_bound
        Largest share of elements that may be inside out at the end of a tick.
    """

    dt: float = 0.05
    newton_limit: int = 12
    residual_bound: float = 5e-3
    linear_tolerance: float = 0.1
    linear_limit: int = 400
    contact_ratio: float = 10.0
    contact_reach: float = 3e-4
    friction: float = 0.2
    slip_bound: float = 5e-6
    multiplier_rounds: int = 4
    depth_bound: float = 0.2
    inverted_bound: float = 1e-3


@dataclasses.dataclass(frozen=True)
class TickReport:
    """What one tick took: readings for the recording.

    `residual` is the largest remaining imbalance as a share of the forces at work; `deepest` is how far the deepest strut
    surface lies beyond the wall [m]; `inverted` how many elements are inside out for the moment.
    """

    residual: float
    newton_steps: int
    linear_iterations: int
    energy: float
    deepest: float
    inverted: int


class DivergedError(RuntimeError):
    """A tick that cannot be finished; says at which tick and which element."""
