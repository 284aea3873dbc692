"""Rotations within kernels, in double precision: unit quaternions, scalar part first, and rotation vectors."""

import taichi as ti

from sim.arrays import mat3d, vec3d, vec4d


@ti.func
def product(left, right):  # pyright: ignore
    """The rotation `right` followed by `left`."""
    a, u = left[0], vec3d(left[1], left[2], left[3])
    b, v = right[0], vec3d(right[1], right[2], right[3])
    w = a * v + b * u + u.cross(v)
    return vec4d(a * b - u.dot(v), w[0], w[1], w[2])


@ti.func
def inverse(quaternion):  # pyright: ignore
    """The rotation back."""
    return vec4d(quaternion[0], -quaternion[1], -quaternion[2], -quaternion[3])


@ti.func
def shortest(quaternion):  # pyright: ignore
    """The same rotation, by less than half a turn."""
    return ti.select(quaternion[0] < 0.0, -1.0, 1.0) * quaternion


@ti.func
def vector_of(quaternion):  # pyright: ignore
    """Rotation vector [rad] of a quaternion of less than half a turn."""
    imaginary = vec3d(quaternion[1], quaternion[2], quaternion[3])
    sine2 = imaginary.dot(imaginary)
    sine = ti.sqrt(sine2)
    factor = 2.0 + sine2 / 3.0
    if sine > 1e-4:
        factor = 2.0 * ti.atan2(sine, quaternion[0]) / sine
    return factor * imaginary


@ti.func
def halfway(quaternion):  # pyright: ignore
    """Half of a rotation of less than half a turn."""
    half = vec4d(quaternion[0] + 1.0, quaternion[1], quaternion[2], quaternion[3])
    return half / half.norm()


@ti.func
def matrix_of(quaternion):  # pyright: ignore
    """Rotation matrix."""
    w, x, y, z = quaternion[0], quaternion[1], quaternion[2], quaternion[3]
    return mat3d(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


@ti.func
def skew(v):  # pyright: ignore
    """Matrix of the vector product with v."""
    nought = 0.0 * v[0]
    return mat3d([[nought, -v[2], v[1]], [v[2], nought, -v[0]], [-v[1], v[0], nought]])


@ti.func
def turn_factors(turn):  # pyright: ignore
    """Scalars that tie the change of a rotation vector φ, of length θ, to the spins of an element's two ends.

    With q the second spin less the first, s their mean, all seen from the middle:
    δφ = (g I + h φφᵀ) q with g = (θ/2)/sin(θ/2), h = (1 − g)/θ²; the middle spins with s − k φ×q, k = tan(θ/4)/(2θ).
    Returns g, h, k and their derivatives with respect to θ divided by θ.
    """
    t, one = turn.dot(turn), ti.f64(1.0)
    # Near nought from their series. Numbers that single precision does not hold are made by division.
    g = one + t * (one / 24.0 + t * (one * 7.0 / 5760.0 + t * 31.0 / 967680.0))
    h = -one / 24.0 - t * (one * 7.0 / 5760.0 + t * (one * 31.0 / 967680.0 + t * 127.0 / 154828800.0))
    k = one / 8.0 + t * (one / 384.0 + t * (one / 15360.0 + t * 17.0 / 10321920.0))
    g_slope = one / 12.0 + t * (one * 7.0 / 1440.0 + t * (one * 31.0 / 161280.0 + t * 127.0 / 19353600.0))
    h_slope = -one * 7.0 / 2880.0 - t * (one * 31.0 / 241920.0 + t * 127.0 / 25804800.0)
    k_slope = one / 192.0 + t * (one / 3840.0 + t * 17.0 / 1720320.0)
    if t >= 1e-2:
        angle = ti.sqrt(t)
        sine, cosine, quarter = ti.sin(angle / 2.0), ti.cos(angle / 2.0), ti.tan(angle / 4.0)
        g = angle / 2.0 / sine
        h = (1.0 - g) / t
        k = quarter / (2.0 * angle)
        g_slope = (0.5 * sine - 0.25 * angle * cosine) / (sine * sine * angle)
        h_slope = -(g_slope + 2.0 * h) / t
        k_slope = ((1.0 + quarter * quarter) / 8.0 - k) / t
    return g, h, k, g_slope, h_slope, k_slope
