"""Many right-hand sides solved at once are those solved one by one."""

import numpy as np
import pytest
import qdldl
import scipy.sparse as sparse

from sim.solvers.substitution import between


@pytest.fixture(scope="module")
def matrix() -> sparse.csc_matrix:
    """A symmetric matrix that is not definite, in no order that suits it."""
    drawn = np.random.default_rng(1)
    rough = np.where(drawn.random((300, 300)) < 0.01, drawn.random((300, 300)), 0.0)
    diagonal = drawn.choice([-1.0, 1.0], 300) * drawn.uniform(3.0, 6.0, 300)
    return sparse.csc_matrix(rough + rough.T + np.diag(diagonal))


@pytest.mark.parametrize("count", [0, 1, 8, 21])
def test_as_many_sides_as_are_asked_are_solved(matrix: sparse.csc_matrix, count: int):
    drawn = np.random.default_rng(count)
    force = np.where(drawn.random((300, count)) < 0.1, drawn.normal(size=(300, count)), 0.0)
    lower, pivots, order = qdldl.Solver(sparse.csc_matrix(sparse.triu(matrix)), upper=True).factors()
    found = between(lower, pivots, order, sparse.csc_matrix(force))
    assert found.shape == (count, count)
    assert np.allclose(found, force.T @ np.linalg.solve(matrix.toarray(), force), rtol=0.0, atol=1e-10)
