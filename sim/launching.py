"""Launches made again and again with the same arrays.

Taichi 1.7.4 looks every argument over at each launch: a tenth of a millisecond for ten of them, half of one for the forty of an
iteration of conjugate gradients, which is as long as the iteration itself takes on a small mesh. Here they are looked over once.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import taichi as ti
from taichi.types.ndarray_type import NdarrayType

from sim import backend
from sim.arrays import address_of, running

MOST_KEPT = 64
"""Launches that are kept ready; beyond it all are made anew, since arrays come and go."""


class _Form(NamedTuple):
    """What a kernel takes: the places of its arrays and of its numbers among all arguments, those of the numbers among the
    arguments that are passed, and whether they are whole; what is left is known when it is compiled."""

    arrays: tuple[int, ...]
    numbers: tuple[tuple[int, int, bool], ...]
    fixed: tuple[int, ...]
    returns: bool


class _Ready(NamedTuple):
    """A launch whose arrays are set; they are kept, so that no other takes the place of one."""

    context: Any
    code: Any
    arrays: tuple[Any, ...]


class Launcher:
    """Launches kernels; of each set of arrays it remembers where they lie."""

    def __init__(self) -> None:
        self._ready: dict[tuple[Any, ...], _Ready] = {}

    def __call__(self, kernel: Any, *arguments: Any) -> Any:
        """What the kernel returns for these arguments: numbers, arrays of the backend, or numpy arrays in one piece.

        Raises
        ------
        ValueError
            If a numpy array does not lie in one piece.
        """
        if backend.current() != "cpu":
            return kernel(*arguments)
        form = _form_of(kernel)
        key = (kernel, *[arguments[k] for k in form.fixed], *[id(arguments[k]) for k in form.arrays])
        ready = self._ready.get(key)
        if ready is None:
            if len(self._ready) >= MOST_KEPT:
                self._ready.clear()
            ready = self._ready[key] = _prepare(kernel, form, arguments)
        context = ready.context
        for place, slot, whole in form.numbers:
            if whole:
                context.set_arg_int((slot,), int(arguments[place]))
            else:
                context.set_arg_float((slot,), float(arguments[place]))
        running().launch_kernel(ready.code, context)
        return context.get_struct_ret_float((0,)) if form.returns else None


@functools.cache
def _form_of(kernel: Any) -> _Form:
    arrays, numbers, fixed, slot = [], [], [], 0
    for place, formal in enumerate(kernel._primal.arguments):
        wanted = formal.annotation
        if isinstance(wanted, ti.template):
            fixed.append(place)
            continue
        if isinstance(wanted, NdarrayType):
            arrays.append(place)
        else:
            numbers.append((place, slot, wanted in (int, ti.i32)))
        slot += 1
    return _Form(tuple(arrays), tuple(numbers), tuple(fixed), kernel._primal.return_type is not None)


def _prepare(kernel: Any, form: _Form, arguments: tuple[Any, ...]) -> _Ready:
    inner, program = kernel._primal, running()
    compiled = inner.compiled_kernels[inner.ensure_compiled(*arguments)]
    context = compiled.make_launch_context()
    for place in form.arrays:
        value, axes = arguments[place], inner.arguments[place].annotation.ndim
        slot = place - sum(1 for one in form.fixed if one < place)
        # An array of the backend would be found anew at each launch: where it lies is told instead.
        address, size = _memory(value)
        context.set_arg_external_array_with_shape((slot,), address, size, value.shape[:axes], 0)
    code = program.compile_kernel(program.config(), program.get_device_caps(), compiled)
    return _Ready(context, code, tuple(arguments[place] for place in form.arrays))


def _memory(array: Any) -> tuple[int, int]:
    """Where an array lies and how long it is [bytes]."""
    if isinstance(array, np.ndarray):
        if not array.flags.c_contiguous:
            raise ValueError("A launch was given an array that does not lie in one piece.")
        return int(array.ctypes.data), array.nbytes
    return address_of(array)
