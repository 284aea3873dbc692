"""DeviceBody: what goes into the patient, as numpy arrays: rods, the balloon under them, and what leads and pushes them."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from sim.balloon import GuidedBalloon
from sim.carrying import Carried, Carrier, Course
from sim.rods.network import Pose, RodNetwork

COAXIAL_FRICTION = 0.1
"""Coulomb's coefficient between a wire and its catheter or a catheter and its sheath [M]: from memory, unverified; coated wires
in lined catheters have less, dry ones more."""


@dataclasses.dataclass(frozen=True)
class Feed:
    """A wire or catheter that a hand advances and turns from outside.

    Behind its entry it runs straight in a guide that lets it slide and turn; its proximal end does what the hand asks.

    Attributes
    ----------
    name
        Whom a Command's drive speaks to.
    nodes
        Its nodes from the proximal to the distal end, shape (k,).
    entry
        Where it leaves the guide [m], shape (3,).
    direction
        Unit vector of the guide, inwards, shape (3,).
    """

    name: str
    nodes: np.ndarray
    entry: np.ndarray
    direction: np.ndarray


@dataclasses.dataclass(frozen=True)
class Sleeve:
    """A rod that slides and turns inside another: a wire in its catheter, a catheter in its sheath.

    Attributes
    ----------
    inner, outer
        Nodes of both from the proximal to the distal end.
    clearance
        How far their centre lines may lie apart [m]: the outer one's bore radius less the inner one's radius.
    radius
        Of the inner one, on which they rub [m].
    friction
        Coulomb's coefficient between the two; nought for none.
    """

    inner: np.ndarray
    outer: np.ndarray
    clearance: float
    radius: float
    friction: float = COAXIAL_FRICTION

    def __post_init__(self):
        if not 0.0 <= self.friction < np.inf:
            raise ValueError(f"A sleeve was given a friction of {self.friction:g}; it must be nought or more, and finite.")

    @property
    def touch_count(self) -> int:
        """In how many places the two may touch: at each node of both."""
        return len(self.inner) + len(self.outer)


@dataclasses.dataclass(frozen=True)
class Sheath:
    """A stiff tube along a fixed way that keeps nodes of rods within it until it is drawn back past them; without friction.

    Attributes
    ----------
    name
        Whom a Command speaks to.
    nodes
        Those that it keeps.
    axis
        Its way from the hand to its distal end, shape (q, 3) [m].
    radius
        How far the nodes may lie from its axis [m]: half its bore less half a strut's thickness.
    rides
        Name of what comes in with it, see `Entering` and `sim.carrying.Carried`: with the former its way rides along with the
        lumen about it; None where it stays.
    carrier
        Its place on the catheter within it, along which its way then lies wherever that runs; None for a way that stays.
    """

    name: str
    nodes: np.ndarray
    axis: np.ndarray
    radius: float
    rides: str | None = None
    carrier: Carrier | None = None


@dataclasses.dataclass(frozen=True)
class Mounted:
    """A balloon that presses on the wall, and on nodes of rods that lie upon it.

    Attributes
    ----------
    name
        Whom a Command's pressure speaks to.
    balloon
        Its axis and chart.
    share
        Area of a balloon about which they lie that each node bears, per unit of radius, shape (n,) [m·rad]; nought for nodes
        that it never presses. Which of them lie upon it is told by where they are.
    gap
        Distance of those nodes from the strut's inner face [m], one for all or shape (n,).
    layers
        Nodes of each of several stents about it, the innermost first: where one lies within another it alone bears the balloon.
    fabric
        Nodes of triangles of fabric, shape (t, 3): their corners bear the balloon by the fabric's area, not by `share`.
    carrier
        Its place on its catheter, along which its axis then lies wherever that runs; None for an axis that stays.
    """

    name: str
    balloon: GuidedBalloon
    share: np.ndarray
    gap: float | np.ndarray = 0.0
    layers: tuple[np.ndarray, ...] = ()
    fabric: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 3), int))
    carrier: Carrier | None = None


@dataclasses.dataclass(frozen=True)
class Entering:
    """Nodes of rods that come into the vessel when it is their turn, such as those of a second stent.

    Until then they meet nothing, and ride along with the lumen about their axis, so that they are in it when they come.

    Attributes
    ----------
    name
        Whom a Command's `waiting` speaks of.
    nodes
        Those that wait, shape (k,).
    axis
        The way on which they lie at first, shape (q, 3) [m].
    vertices
        Of the lumen about it, shape (v,).
    places
        Where these are when the rods lie as they do at first [m], shape (v, 3).
    weights
        Share of each in the lumen's motion at each point of the axis, shape (q, v), rows of sum 1.
    """

    name: str
    nodes: np.ndarray
    axis: np.ndarray
    vertices: np.ndarray
    places: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Nested:
    """Rods of a stent that open within those of another: where they cross, seen from the axis, the inner stay within the outer.

    Attributes
    ----------
    name
        Of the inner ones, as in `Entering`; while they wait they meet nothing.
    inner, outer
        Node pairs of the elements of both, shapes (k, 2) and (m, 2).
    axis
        About which they lie, shape (q, 3) [m].
    distance
        Between their middle lines where they touch [m].
    width
        Between their middle lines, sideways, where they pass each other [m]; nought where only those that cross meet.
    inner_fabric, outer_fabric
        Node pairs of edges of fabric on either, which cross what is on the other as elements do.
    """

    name: str
    inner: np.ndarray
    outer: np.ndarray
    axis: np.ndarray
    distance: float
    width: float = 0.0
    inner_fabric: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 2), int))
    outer_fabric: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 2), int))


@dataclasses.dataclass(frozen=True)
class Membrane:
    """A thin sheet between nodes of rods, such as a covered stent's fabric; it bears tension alone.

    Attributes
    ----------
    triangles
        Nodes at the corners, shape (t, 3).
    rest_edges
        Columns: the edges from the first corner to the two others, in the triangle's own plane, where the sheet is at rest [m],
        shape (t, 2, 2).
    stiffness
        Young's modulus times thickness [N/m].
    poisson
        Poisson's ratio.
    axis
        That of a sleeve about which blood flows, shape (q, 3) [m]; None where it seals nothing off.
    face
        From its nodes to the outer face [m].
    sac_share
        Pressure behind it, where it seals, over the blood's.
    """

    triangles: np.ndarray
    rest_edges: np.ndarray
    stiffness: float
    poisson: float
    axis: np.ndarray | None = None
    face: float = 0.0
    sac_share: float = 1.0

    @property
    def rest_areas(self) -> np.ndarray:
        """Area of each triangle at rest [m²], shape (t,)."""
        return 0.5 * np.abs(np.linalg.det(self.rest_edges))

    @staticmethod
    def of(points: np.ndarray, triangles: np.ndarray, *, stiffness: float, poisson: float) -> "Membrane":
        """The sheet that is at rest where its nodes are at points [m], shape (n, 3)."""
        first, second = (points[triangles[:, k]] - points[triangles[:, 0]] for k in (1, 2))
        length = np.linalg.norm(first, axis=1)
        along = np.einsum("ti,ti->t", first, second) / length
        height = np.linalg.norm(np.cross(first, second), axis=1) / length
        edges = np.stack([np.stack([length, along], 1), np.stack([np.zeros_like(length), height], 1)], 1)
        return Membrane(triangles, edges, stiffness, poisson)


@dataclasses.dataclass(frozen=True)
class DeviceBody:
    """Devices as numpy arrays: what a model is made from.

    Attributes
    ----------
    rods
        Mechanics of all wires, catheters and struts.
    pose
        Where their nodes are when the clock starts [m], and how they are turned.
    sample_nodes, sample_along
        Points on rods that may touch the wall: an element's two nodes, shape (s, 2), and how far along it each is, 0 to 1.
    sample_radius
        Distance of each point's outer face from the rod's middle line [m], shape (s,).
    drag
        Resistance of each node against moving [N·s/m], shape (n,).
    filling_drag
        What comes on top of it while a balloon that presses the node is full [N·s/m], shape (n,): fluid flows in and out but
        slowly. None for none.
    balloons
        Balloons, under stents or alone.
    feeds
        Rods that hands push.
    sleeves
        Rods that slide inside others.
    sheaths
        Tubes that keep nodes within them, such as a self-expanding stent's.
    entering
        Rods that come into the vessel when it is their turn.
    carried
        Rods that ride on a catheter until they are opened.
    nested
        Rods that open within others.
    membranes
        Fabric between rods.
    history
        What the rods' metal remembers when the clock starts, see `sim.rods.network`; None for metal that was never strained.
    sample_friction
        Coulomb's coefficient between each point and the wall, shape (s,); None where the engine's settings tell it for all.
    """

    rods: RodNetwork
    pose: Pose
    sample_nodes: np.ndarray
    sample_along: np.ndarray
    sample_radius: np.ndarray
    drag: np.ndarray
    balloons: tuple[Mounted, ...] = ()
    feeds: tuple[Feed, ...] = ()
    sleeves: tuple[Sleeve, ...] = ()
    sheaths: tuple[Sheath, ...] = ()
    entering: tuple[Entering, ...] = ()
    nested: tuple[Nested, ...] = ()
    membranes: tuple[Membrane, ...] = ()
    history: np.ndarray | None = None
    carried: tuple[Carried, ...] = ()
    filling_drag: np.ndarray | None = None
    sample_friction: np.ndarray | None = None

    @property
    def first_history(self) -> np.ndarray:
        """What the rods' metal remembers when the clock starts, flat."""
        return self.rods.fresh_history() if self.history is None else self.history

    @property
    def node_count(self) -> int:
        """Number of nodes."""
        return self.rods.node_count

    @property
    def touch_count(self) -> int:
        """In how many places rods may touch the ones that they slide in."""
        return sum(sleeve.touch_count for sleeve in self.sleeves)

    @property
    def sample_lengths(self) -> np.ndarray:
        """Length of rod that each sample point stands for [m], shape (s,)."""
        key = np.sort(self.rods.elements, axis=1) @ [self.node_count, 1]
        order = np.argsort(key)
        pairs = np.sort(self.sample_nodes, axis=1) @ [self.node_count, 1]
        length = np.zeros(len(pairs))
        if len(key):
            place = order[np.minimum(np.searchsorted(key[order], pairs), len(key) - 1)]
            length = np.where(key[place] == pairs, self.rods.rest_length[place], 0.0)
        # An element is shared by the points within it and the two at its ends; a node by all elements that meet in it.
        at_node = np.bincount(self.rods.elements.ravel(), np.repeat(self.rods.rest_length, 2), self.node_count)
        own = self.sample_nodes[:, 0] == self.sample_nodes[:, 1]
        return np.where(own, 0.25 * at_node[self.sample_nodes[:, 0]], 0.5 * length)

    def waiting_nodes(self, names: Collection[str]) -> np.ndarray:
        """Which nodes are held and meet nothing while those of these names wait or ride, shape (n,)."""
        found = np.zeros(self.node_count, bool)
        for one in (*self.entering, *self.carried):
            found[one.nodes] |= one.name in names
        return found

    def drag_under(self, pressures: Mapping[str, float]) -> np.ndarray:
        """Resistance of each node against moving [N·s/m], shape (n,), while balloons have pressures [Pa] by their names."""
        if self.filling_drag is None:
            return self.drag
        upon = np.zeros(self.node_count, bool)
        for one in self.balloons:
            if pressures.get(one.name, 0.0) > 0.0:
                upon |= one.share > 0.0
        return self.drag + np.where(upon, self.filling_drag, 0.0)

    def course(self, feed: str, pose: Pose) -> Course:
        """Where the feed of a name runs in a pose [m]."""
        nodes = next(one.nodes for one in self.feeds if one.name == feed)
        return Course.of(nodes, self.pose, pose)

    def placed(self, mounted: Mounted, pose: Pose) -> Mounted:
        """A balloon where its catheter has taken it in a pose [m]; one without a catheter stays where it is."""
        if mounted.carrier is None:
            return mounted
        axis = self.course(mounted.carrier.feed, pose).axis_of(mounted.carrier)
        return dataclasses.replace(mounted, balloon=dataclasses.replace(mounted.balloon, axis=axis))

    def sample_points(self, position: np.ndarray) -> np.ndarray:
        """Where the sample points are [m], shape (s, 3), from the nodes' positions [m]."""
        along = self.sample_along[:, None]
        return (1.0 - along) * position[self.sample_nodes[:, 0]] + along * position[self.sample_nodes[:, 1]]
