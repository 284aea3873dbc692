"""What lies upon a balloon: which nodes of rods bear how much of it, about shoulders, in fabric, and where stents overlap."""

import dataclasses

import numpy as np

from sim.device import Mounted

ENDING = 1e-3
"""Way about the end of an inner stent on which an outer one takes over the balloon [m]: about a crown's width, chosen."""


@dataclasses.dataclass(frozen=True)
class Bearing:
    """Nodes of rods and a balloon, where both are.

    Attributes
    ----------
    centre, tangent
        Nearest place of the balloon's axis to each node [m], and the axis' direction there, shape (n, 3).
    station
        Of that place along the axis [m], shape (n,).
    share
        Area of the balloon that each node bears, per unit of radius [m·rad], shape (n,); nought for those not upon it.
    narrow
        Radius of the balloon there over that between its shoulders, shape (n,); one where a node is not upon it.
    spans
        Stations between which struts hold the balloon back [m], those of each stent, shape (k, 2).
    """

    centre: np.ndarray
    tangent: np.ndarray
    station: np.ndarray
    share: np.ndarray
    narrow: np.ndarray
    spans: np.ndarray


def bearing(mounted: Mounted, points: np.ndarray) -> Bearing:
    """Who bears a balloon when nodes are at points [m], shape (n, 3).

    Of stents that lie within one another the innermost bears all of it, and presses the others where its struts cross theirs.
    Fabric bears its own area, a third of each triangle at each corner.
    """
    centre, tangent, station = mounted.balloon.nearest(points)
    narrow = mounted.balloon.share_at(station)
    share = np.where(narrow > 0.0, _of_fabric(mounted, points, points - centre), 0.0)
    spans, inner = [], []
    for nodes in mounted.layers or (np.arange(len(points)),):
        own = nodes[share[nodes] > 0.0]
        for low, high in inner:
            beyond = np.maximum(low - station[own], station[own] - high)
            share[own] *= np.clip(0.5 + beyond / ENDING, 0.0, 1.0)
        ringed = nodes[mounted.share[nodes] > 0.0]
        if len(own):
            spans.append((station[own].min(), station[own].max()))
        if len(ringed):
            inner.append((station[ringed].min(), station[ringed].max()))
    return Bearing(centre, tangent, station, share, np.where(share > 0.0, narrow, 1.0), np.reshape(spans, (-1, 2)))


def _of_fabric(mounted: Mounted, points: np.ndarray, off: np.ndarray) -> np.ndarray:
    """The nodes' shares of a balloon [m·rad], shape (n,), where fabric bears it by the area that it has now."""
    share, triangles = mounted.share.copy(), mounted.fabric
    if not len(triangles):
        return share
    corner = points[triangles]
    third = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) / 6.0
    third *= np.sign(np.einsum("ti,ti->t", third, off[triangles].sum(axis=1)))[:, None]
    area = np.stack([np.bincount(triangles.ravel(), np.repeat(third[:, k], 3), len(points)) for k in range(3)], 1)
    used = np.unique(triangles)
    square = np.maximum(np.einsum("ni,ni->n", off[used], off[used]), 1e-18)
    share[used] = np.maximum(np.einsum("ni,ni->n", area[used], off[used]) / square, 0.0)
    return share
