"""Bound launches: numbers as they were, arrays as they are."""

import numpy as np
import pytest
import taichi as ti

from sim import backend
from sim.arrays import Floats, Vec3s, lent, put, vec3, zeros
from sim.launching import bound


@ti.kernel
def add_scaled(twice: ti.template(), count: int, scale: ti.f32, one: Vec3s, push: Vec3s, sum_out: Floats):  # pyright: ignore
    for i in range(count):
        sum_out[i] += scale * (one[i].sum() + push[i].sum())
        if ti.static(twice):
            sum_out[i] += scale * (one[i].sum() + push[i].sum())


def test_a_bound_launch_does_again_what_the_kernel_does():
    backend.current()
    one, push = put(np.arange(12.0).reshape(4, 3), vec3), np.ones((4, 3), np.float32)
    ours, theirs = zeros(4, ti.f32), zeros(4, ti.f32)
    for twice in (False, True):
        launch = bound(add_scaled, twice, 3, 0.5, one, push, ours)
        for pushed in (1.0, 2.0, 5.0):
            push[:] = pushed
            one.from_numpy(pushed + np.arange(12, dtype=np.float32).reshape(4, 3))
            launch()
            add_scaled(twice, 3, 0.5, one, lent(push), theirs)
            assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-6)
    assert ours.to_numpy()[2] > 0.0 and ours.to_numpy()[3] == 0.0


def test_an_array_in_pieces_is_not_bound():
    if backend.current() != "cpu":
        pytest.skip("another processor copies arrays at each launch")
    push = np.ones((3, 4), np.float32).T
    with pytest.raises(ValueError, match="one piece"):
        bound(add_scaled, False, 3, 0.5, zeros(4, vec3), push, zeros(4, ti.f32))
