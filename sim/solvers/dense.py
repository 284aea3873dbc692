"""Dense symmetric matrices, small enough to be inverted outright."""

import contextlib
import functools

import numpy as np
import scipy.linalg as linalg
import threadpoolctl


def one_thread() -> contextlib.AbstractContextManager:
    """Within it, BLAS and LAPACK work on one thread, whatever the process was told.

    Their sums depend on how many threads share them, so that two processes told different numbers would differ in the last
    bits; and the matrices are too small to gain by more.
    """
    return _controller().limit(limits=1, user_api="blas")


@functools.cache
def _controller() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


def positive_inverse(matrix: np.ndarray) -> np.ndarray | None:
    """Inverse of a symmetric matrix through its Cholesky factor, in its own precision; None if it is not positive definite."""
    factorise, invert = linalg.get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = factorise(matrix, lower=1)
    if failed:
        return None
    lower = invert(factor, lower=1, overwrite_c=1)[0]
    whole = lower + lower.T
    whole[np.diag_indices_from(whole)] *= 0.5
    return whole
