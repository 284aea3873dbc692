"""Taking out short edges whose tetrahedra no movement of vertices can mend."""

import numba
import numpy as np

from meshing.relaxing import Web, tet_quality


def collapse(x: np.ndarray, web: Web, labels: np.ndarray, quality: np.ndarray, *, wanted: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw one end of an edge onto the other wherever that mends a tet worse than `wanted`; labels and interfaces stay.

    x: (vertex count, 3); labels, quality: (tet count,). Returns the tets with their new corners (tet count, 4), and which of
    them are left (tet count,). Vertices that nothing uses any more stay in `x`.
    """
    tets, alive = web.tets.copy(), np.ones(len(web.tets), bool)
    worst = np.argsort(quality, kind="stable")[: int(np.count_nonzero(quality < wanted))]
    _collapse(x, web, labels.astype(np.int64), tets, alive, worst, wanted)
    return tets, alive


@numba.njit(cache=True)
def _has(web, t, v):
    return web.tets[t, 0] == v or web.tets[t, 1] == v or web.tets[t, 2] == v or web.tets[t, 3] == v


@numba.njit(cache=True)
def _two_labels_meet(web, labels, u, w):
    """Whether the edge u-w lies on an interface."""
    seen = -1
    for k in range(web.first[u], web.first[u + 1]):
        t = web.around[k]
        if _has(web, t, w):
            if seen < 0:
                seen = labels[t]
            elif labels[t] != seen:
                return True
    return False


@numba.njit(cache=True)
def _on_outside(web, labels, u, w):
    """Whether the edge u-w lies between tissue and air."""
    tissue, air = False, False
    for k in range(web.first[u], web.first[u + 1]):
        t = web.around[k]
        if _has(web, t, w):
            tissue, air = tissue or labels[t] > 0, air or labels[t] == 0
    return tissue and air


@numba.njit(cache=True)
def _may_collapse(web, labels, u, v):
    """Whether drawing u onto v keeps the mesh a manifold and every interface the surface it was.

    The link condition of Dey et al. 1999 for the whole and for the interfaces: what is beside both ends is beside the edge.
    """
    for i in range(web.meeting_count[u]):
        found = False
        for k in range(web.first[u], web.first[u + 1]):
            t = web.around[k]
            if labels[t] == web.meeting[u, i] and _has(web, t, v):
                found = True
        if not found:
            return False
    for k in range(web.next_first[u], web.next_first[u + 1]):
        w = web.next_to[k]
        if w == v:
            continue
        shared = False
        for j in range(web.next_first[v], web.next_first[v + 1]):
            if web.next_to[j] == w:
                shared = True
        if not shared:
            continue
        on_face, first_label, differs, is_outer = 0, -1, False, False
        for j in range(web.first[u], web.first[u + 1]):
            t = web.around[j]
            if _has(web, t, v) and _has(web, t, w):
                on_face += 1
                if first_label >= 0 and labels[t] != first_label:
                    differs = True
                    is_outer = labels[t] == 0 or first_label == 0
                first_label = labels[t]
        if on_face != 2:
            return False
        if not differs and _two_labels_meet(web, labels, u, w) and _two_labels_meet(web, labels, v, w):
            return False
        if not is_outer and _on_outside(web, labels, u, w) and _on_outside(web, labels, v, w):
            return False
    # A triangle of the link of both ends must be the far side of a tet at the edge.
    for k in range(web.first[u], web.first[u + 1]):
        t = web.around[k]
        if _has(web, t, v):
            continue
        for j in range(web.first[v], web.first[v + 1]):
            s = web.around[j]
            if _has(web, s, u):
                continue
            common = 0
            for c in range(4):
                if web.tets[t, c] != u and _has(web, s, web.tets[t, c]):
                    common += 1
            if common == 3:
                return False
            if common == 2 and not _edge_closes(web, t, s, u, v):
                return False
    return True


@numba.njit(cache=True)
def _edge_closes(web, t, s, u, v):
    """Whether the edge that tets t (at u) and s (at v) share makes a tet with u and v."""
    a, b = -1, -1
    for c in range(4):
        w = web.tets[t, c]
        if w != u and _has(web, s, w):
            if a < 0:
                a = w
            else:
                b = w
    for k in range(web.first[u], web.first[u + 1]):
        r = web.around[k]
        if _has(web, r, v) and _has(web, r, a) and _has(web, r, b):
            return True
    return False


@numba.njit(cache=True)
def _quality_after(x, web, u, v):
    """Worst quality of the tets at u that stay when u is drawn onto v."""
    old0, old1, old2 = x[u, 0], x[u, 1], x[u, 2]
    x[u, 0], x[u, 1], x[u, 2] = x[v, 0], x[v, 1], x[v, 2]
    worst = 1e9
    for k in range(web.first[u], web.first[u + 1]):
        t = web.around[k]
        if not _has(web, t, v):
            quality = tet_quality(x, web.tets[t, 0], web.tets[t, 1], web.tets[t, 2], web.tets[t, 3])
            if quality > 0.0:
                quality *= web.weight[t]
            worst = min(worst, quality)
    x[u, 0], x[u, 1], x[u, 2] = old0, old1, old2
    return worst


@numba.njit(cache=True)
def _collapse(x, web, labels, tets, alive, bad, wanted):
    """One pass; a vertex whose tets have changed is left alone until the web is made anew."""
    touched = np.zeros(len(x), np.bool_)
    for i in range(len(bad)):
        t = bad[i]
        own = tet_quality(x, web.tets[t, 0], web.tets[t, 1], web.tets[t, 2], web.tets[t, 3])
        best, best_u, best_v = own, -1, -1
        for a in range(4):
            u = web.tets[t, a]
            if web.meeting_count[u] == 0 or touched[u]:
                continue
            clear = True
            for k in range(web.next_first[u], web.next_first[u + 1]):
                if touched[web.next_to[k]]:
                    clear = False
            if not clear:
                continue
            for b in range(4):
                v = web.tets[t, b]
                if a == b or web.meeting_count[v] == 0:
                    continue
                after = _quality_after(x, web, u, v)
                if after > best and after > min(1.5 * own, wanted) and _may_collapse(web, labels, u, v):
                    best, best_u, best_v = after, u, v
        if best_u < 0:
            continue
        for k in range(web.first[best_u], web.first[best_u + 1]):
            s = web.around[k]
            for c in range(4):
                touched[web.tets[s, c]] = True
            if _has(web, s, best_v):
                alive[s] = False
            else:
                for c in range(4):
                    if tets[s, c] == best_u:
                        tets[s, c] = best_v
