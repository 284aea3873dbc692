"""Dense symmetric matrices, small enough to be inverted outright."""

import numpy as np
import scipy.linalg as linalg


def positive_inverse(matrix: np.ndarray) -> np.ndarray | None:
    """Inverse of a symmetric matrix through its Cholesky factor; None if it is not positive definite."""
    factorise, invert = linalg.get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = factorise(matrix, lower=1)
    if failed:
        return None
    lower = np.tril(invert(factor, lower=1)[0])
    return lower + np.tril(lower, -1).T
