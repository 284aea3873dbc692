"""Whether a body is held: the rigid motions that nothing would resist, found and named."""

import numpy as np

from sim.body import Body, ModelError
from sim.tables import parts_of

AXES = ("x", "y", "z")


def check_supported(body: Body) -> None:
    """Refuse a body of which a part could move as a rigid one.

    Raises
    ------
    ModelError
        With the motion that nothing resists and the part that it moves.
    """
    part = parts_of(np.asarray(body.tets), len(body.vertices))
    parts = int(part.max()) + 1
    held = np.zeros(len(body.vertices), bool)
    held[body.held] = True
    for patch in body.patches.values():
        held[patch] = True
    for number in range(parts):
        members = np.flatnonzero(part == number)
        free = _free_motion(body, members, held)
        if free:
            where = body.vertices[members].mean(0) * 1e3
            which = "The tissue" if parts == 1 else f"The part about ({where[0]:.1f}, {where[1]:.1f}, {where[2]:.1f}) mm"
            raise ModelError(f"{which} is free to {free}; hold some vertices or give it a support.")


def _free_motion(body: Body, members: np.ndarray, held: np.ndarray) -> str:
    """The rigid motion of these vertices that costs least, in words, if it costs nothing; else nothing."""
    points = body.vertices[members]
    centre, size = points.mean(0), max(float(np.ptp(points, axis=0).max()), 1e-30)

    def motions(at: np.ndarray) -> np.ndarray:
        """Three shifts and three turns about the centre of each place, shape (k, 3, 6)."""
        off = (at - centre) / size
        turns = np.cross(np.eye(3)[None], off[:, None]).transpose(0, 2, 1)
        return np.concatenate([np.broadcast_to(np.eye(3), (len(at), 3, 3)), turns], axis=2)

    rows = [motions(body.vertices[members[held[members]]]).reshape(-1, 6)]
    inside = np.zeros(len(body.vertices), bool)
    inside[members] = True
    for support in body.supports:
        if support.stiffness > 0.0:
            triangles = body.surface(support.surface)
            triangles = triangles[inside[triangles[:, 0]]]
            p = body.vertices[triangles]
            normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
            normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
            for corner in range(3):
                rows.append(np.einsum("ti,tij->tj", normal, motions(p[:, corner])))
    resisted = np.concatenate(rows)
    _, strength, kinds = np.linalg.svd(np.concatenate([resisted, np.zeros((6, 6))]), full_matrices=False)
    if strength[5] > 1e-3 * max(strength[0], 1.0):
        return ""
    shift, turn = kinds[5, :3], kinds[5, 3:]
    if np.linalg.norm(shift) >= np.linalg.norm(turn):
        return f"shift along {_direction(shift)}"
    return f"turn about an axis along {_direction(turn)}"


def _direction(vector: np.ndarray) -> str:
    unit = vector / np.linalg.norm(vector)
    main = int(np.argmax(np.abs(unit)))
    if abs(unit[main]) > 0.99:
        return AXES[main]
    unit = unit * np.sign(unit[main])
    return f"({unit[0]:.2f}, {unit[1]:.2f}, {unit[2]:.2f})"
