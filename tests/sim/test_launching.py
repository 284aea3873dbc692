"""Launches that remember where their arrays lie do what the kernels do, with the numbers of each call."""

import numpy as np
import pytest
import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Vec3s, lent, put, vec3, zeros
from sim.launching import MOST_KEPT, Launcher


@ti.kernel
def add_scaled(twice: ti.template(), count: int, scale: ti.f32, one: Vec3s, push: Vec3s, sum_out: Floats):  # pyright: ignore
    for i in range(count):
        sum_out[i] += scale * (one[i].sum() + push[i].sum())
        if ti.static(twice):
            sum_out[i] += scale * (one[i].sum() + push[i].sum())


@ti.kernel
def total(count: int, values: Doubles) -> ti.f64:  # pyright: ignore[reportInvalidTypeForm]
    found = ti.f64(0.0)
    for i in range(count):
        found += values[i]
    return found


def test_a_launch_does_again_what_the_kernel_does():
    launch, one, push = Launcher(), put(np.arange(12.0).reshape(4, 3), vec3), np.ones((4, 3), np.float32)
    ours, theirs = zeros(4, ti.f32), zeros(4, ti.f32)
    for twice in (False, True):
        for pushed, count in ((1.0, 3), (2.0, 2), (5.0, 3)):
            push[:] = pushed
            one.from_numpy(pushed + np.arange(12, dtype=np.float32).reshape(4, 3))
            launch(add_scaled, twice, count, 0.5 * pushed, one, push, ours)
            add_scaled(twice, count, 0.5 * pushed, one, lent(push), theirs)
            assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-6)
    assert ours.to_numpy()[2] > 0.0 and ours.to_numpy()[3] == 0.0


def test_a_launch_returns_what_the_kernel_does():
    launch, values = Launcher(), put(np.array([1.0, 2.0, 4.0]), ti.f64)
    assert [launch(total, count, values) for count in (1, 2, 3)] == [1.0, 3.0, 7.0]


def test_arrays_that_come_and_go_are_told_apart():
    """A new array may be given the number of one that is gone; more of them than are kept."""
    launch = Launcher()
    for k in range(2 * MOST_KEPT):
        assert launch(total, 2, put(np.array([float(k), 1.0]), ti.f64)) == k + 1.0


def test_an_array_in_pieces_is_refused():
    if backend.current() != "cpu":
        pytest.skip("another processor copies arrays at each launch")
    push = np.ones((3, 4), np.float32).T
    with pytest.raises(ValueError, match="one piece"):
        Launcher()(add_scaled, False, 3, 0.5, zeros(4, vec3), push, zeros(4, ti.f32))
