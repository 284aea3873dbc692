"""Principal stretches of a deformation, and the stiffness of isotropic laws in their frame.

F = U diag(σ) Vᵀ with proper rotations U and V, so that the smallest stretch bears the sign of J. In that frame ∂P/∂F of
an isotropic law falls into a 3 × 3 block H = ∂²ψ/∂σ², which stretches, and for each of the three axes a flip and a twist
with the eigenvalues (ψᵢ − ψⱼ)/(σᵢ − σⱼ) and (ψᵢ + ψⱼ)/(σᵢ + σⱼ). Smith, De Goes & Kim 2019, doi:10.1145/3241041.
"""

# A type checker takes a Taichi vector times a number for a number.
# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false

import taichi as ti

SWEEPS = 7  # Jacobi's method squares its error in each; three or four do for single precision, six for double.


@ti.func
def eigen_of(a):  # pyright: ignore
    """Eigenvalues, and eigenvectors as columns of a proper rotation, of a symmetric matrix; largest first.

    Jacobi's method: small eigenvalues keep an error of one rounding of the largest, equal ones need no care.
    """
    d = a
    v = 0.0 * a + ti.Matrix.identity(ti.f32, 3)
    for _ in range(SWEEPS):
        for i, j in ti.static(((0, 1), (0, 2), (1, 2))):
            k = ti.static(3 - i - j)
            off = ti.abs(d[i, j])
            if off + ti.abs(d[i, i]) != ti.abs(d[i, i]) or off + ti.abs(d[j, j]) != ti.abs(d[j, j]):
                slope = (d[j, j] - d[i, i]) / (2.0 * d[i, j])
                t = 1.0 / (ti.abs(slope) + ti.sqrt(slope * slope + 1.0))
                if slope < 0.0:
                    t = -t
                c = 1.0 / ti.sqrt(t * t + 1.0)
                s = t * c
                d[i, i] -= t * d[i, j]
                d[j, j] += t * d[i, j]
                d[i, j] = 0.0
                d[j, i] = 0.0
                first, second = d[k, i], d[k, j]
                d[k, i] = c * first - s * second
                d[i, k] = d[k, i]
                d[k, j] = s * first + c * second
                d[j, k] = d[k, j]
                for r in ti.static(range(3)):
                    one, other = v[r, i], v[r, j]
                    v[r, i] = c * one - s * other
                    v[r, j] = s * one + c * other
    values = ti.Vector([d[0, 0], d[1, 1], d[2, 2]])
    for i, j in ti.static(((0, 1), (1, 2), (0, 1))):
        if values[i] < values[j]:
            values[i], values[j] = values[j], values[i]
            for r in ti.static(range(3)):
                v[r, i], v[r, j] = v[r, j], -v[r, i]
    return values, v


@ti.func
def principal_frame(g):  # pyright: ignore
    """U, σ − 1 (largest σ first, the smallest with the sign of J) and V of F = I + G.

    Taken from FᵀF − I = G + Gᵀ + GᵀG, which loses nothing near rest.
    """
    f = ti.Matrix.identity(ti.f32, 3) + g
    strain, v = eigen_of(g + g.transpose() + g.transpose() @ g)
    square = ti.max(strain + 1.0, 0.0)
    stretch = ti.sqrt(square)
    elongation = strain / (stretch + 1.0)
    volume = f.determinant()
    if volume <= 0.0 or square[2] < 0.25:
        elongation[2] = ti.math.clamp(volume / ti.max(stretch[0] * stretch[1], 1e-12), -stretch[1], stretch[1]) - 1.0
    along = [f @ ti.Vector([v[0, k], v[1, k], v[2, k]]) for k in ti.static(range(2))]
    first = ti.Vector([1.0, 0.0, 0.0]) + 0.0 * along[0]
    if along[0].norm() > 1e-12:
        first = along[0] / along[0].norm()
    second = along[1] - first * first.dot(along[1])
    if second.norm() <= 1e-6 * along[0].norm() or second.norm() <= 1e-12:
        # Flattened to a line or to a point: any direction across serves.
        axis = ti.Vector([1.0, 0.0, 0.0])
        if ti.abs(first[0]) > 0.6:
            axis = ti.Vector([0.0, 1.0, 0.0])
        second = axis - first * first.dot(axis)
    second = second / second.norm()
    return ti.Matrix.cols([first, second, first.cross(second)]), elongation, v


@ti.func
def slopes_from_invariants(s, first, second):  # pyright: ignore
    """H, flips and twists [Pa] of a law ψ(I₁, I₂, J) at principal stretches s, from its first and second derivatives.

    No difference of stretches is divided by, so that equal stretches need no care. Flips and twists are about axis k.
    """
    square = s * s
    invariant = square.sum()
    volume_slope = ti.Vector([s[1] * s[2], s[2] * s[0], s[0] * s[1]])
    gradients = ti.Matrix.cols([2.0 * s, 2.0 * s * (invariant - square), volume_slope])
    h = gradients @ second @ gradients.transpose()
    for i in ti.static(range(3)):
        j, k = ti.static((i + 1) % 3), ti.static((i + 2) % 3)
        h[i, i] += 2.0 * first[0] + 2.0 * first[1] * (invariant - square[i])
        both = 4.0 * first[1] * s[i] * s[j] + first[2] * s[k]
        h[i, j] += both
        h[j, i] += both
    turned = 2.0 * first[1] * volume_slope + first[2] * s
    still = 2.0 * first[0] + 2.0 * first[1] * square
    return h, still - turned, still + turned


@ti.func
def positive(h, flip, twist):  # pyright: ignore
    """H, flips and twists with their negative eigenvalues set to zero: the nearest positive semi-definite stiffness."""
    values, modes = eigen_of(h)
    kept = ti.Matrix([[ti.max(values[i], 0.0) * modes[j, i] for j in ti.static(range(3))] for i in ti.static(range(3))])
    return modes @ kept, ti.max(flip, 0.0), ti.max(twist, 0.0)


@ti.func
def principal_block(left, right, h, flip, twist, m, n):  # pyright: ignore
    """m·(∂P/∂F)·n [Pa/m²], a 3 × 3 block of stiffness, from U, V, H, flips and twists."""
    a, b = right.transpose() @ m, right.transpose() @ n
    block = ti.Matrix([[h[i, j] * a[i] * b[j] for j in ti.static(range(3))] for i in ti.static(range(3))])
    for i in ti.static(range(3)):
        j, k = ti.static((i + 1) % 3), ti.static((i + 2) % 3)
        straight, crossed = 0.5 * (flip[k] + twist[k]), 0.5 * (flip[k] - twist[k])
        block[i, i] += straight * a[j] * b[j]
        block[j, j] += straight * a[i] * b[i]
        block[i, j] += crossed * a[j] * b[i]
        block[j, i] += crossed * a[i] * b[j]
    return left @ block @ left.transpose()
