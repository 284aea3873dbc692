"""Launches made again and again with the same arguments.

Taichi 1.7.4 looks every argument over at each launch: half a millisecond for the forty of an iteration of conjugate gradients,
as long as the iteration itself takes on a small mesh. A bound launch is looked over once.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import taichi as ti
from taichi.lang import impl

from sim import backend


def bound(kernel: Any, *arguments: Any) -> Callable[[], None]:
    """A kernel that returns nothing with its arguments: numbers as they are now, arrays as they will be at each launch."""
    if backend.current() != "cpu":
        return functools.partial(kernel, *arguments)
    inner = kernel._primal
    compiled = inner.compiled_kernels[inner.ensure_compiled(*arguments)]
    program: Any = impl.get_runtime().prog
    context, place = compiled.make_launch_context(), 0
    for formal, value in zip(inner.arguments, arguments, strict=True):
        wanted = formal.annotation
        if isinstance(wanted, ti.template):
            continue
        if isinstance(value, (int, np.integer)):
            context.set_arg_int((place,), int(value))
        elif isinstance(value, float):
            context.set_arg_float((place,), value)
        else:
            # An array of the backend would be found anew at each launch: where it lies is told instead.
            address, size = _memory(program, value)
            context.set_arg_external_array_with_shape((place,), address, size, value.shape[: wanted.ndim], 0)
        place += 1
    code = program.compile_kernel(program.config(), program.get_device_caps(), compiled)

    def launch(_kept: tuple[Any, ...] = arguments) -> None:
        program.launch_kernel(code, context)

    return launch


def _memory(program: Any, array: Any) -> tuple[int, int]:
    """Where an array lies and how long it is [bytes]."""
    if isinstance(array, np.ndarray):
        if not array.flags.c_contiguous:
            raise ValueError("A bound launch was given an array that does not lie in one piece.")
        return int(array.ctypes.data), array.nbytes
    inner = array.arr
    return program.get_ndarray_data_ptr_as_int(inner), inner.nelement() * inner.element_size()
