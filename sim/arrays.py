"""The array types that kernels take, and how numpy arrays become them."""

import ctypes
import functools
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import taichi as ti
from taichi.lang import impl
from taichi.lang.util import to_numpy_type

from sim import backend

vec2 = ti.types.vector(2, ti.f32)
vec3 = ti.types.vector(3, ti.f32)
vec4 = ti.types.vector(4, ti.f32)
vec8 = ti.types.vector(8, ti.f32)
vec16 = ti.types.vector(16, ti.f32)
mat3 = ti.types.matrix(3, 3, ti.f32)
vec3d = ti.types.vector(3, ti.f64)
vec4d = ti.types.vector(4, ti.f64)
vec8d = ti.types.vector(8, ti.f64)
mat3d = ti.types.matrix(3, 3, ti.f64)
ivec2 = ti.types.vector(2, ti.i32)
ivec3 = ti.types.vector(3, ti.i32)
ivec4 = ti.types.vector(4, ti.i32)

if TYPE_CHECKING:

    class Array:
        """What a type checker sees of an array on the backend."""

        shape: tuple[int, ...]

        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def to_numpy(self) -> np.ndarray: ...
        def from_numpy(self, values: np.ndarray) -> None: ...
        def fill(self, value: float) -> None: ...

    Ints = Longs = Floats = Doubles = Vec2s = Vec3s = Vec4s = Vec8s = Vec3ds = Mat3s = Mat3ds = IVec2s = IVec3s = IVec4s = Array
    FloatTable = DoubleTable = DoubleCube = Vec3Table = Vec16Table = Vec4ds = Vec4dTable = Vec8dTable = Passed = Array
else:
    Array = Any
    Passed = ti.template()
    Ints = ti.types.ndarray(dtype=ti.i32, ndim=1)
    Longs = ti.types.ndarray(dtype=ti.i64, ndim=1)
    Floats = ti.types.ndarray(dtype=ti.f32, ndim=1)
    Doubles = ti.types.ndarray(dtype=ti.f64, ndim=1)
    FloatTable = ti.types.ndarray(dtype=ti.f32, ndim=2)
    DoubleTable = ti.types.ndarray(dtype=ti.f64, ndim=2)
    DoubleCube = ti.types.ndarray(dtype=ti.f64, ndim=3)
    Vec3Table = ti.types.ndarray(dtype=vec3, ndim=2)
    Vec16Table = ti.types.ndarray(dtype=vec16, ndim=2)
    Vec2s = ti.types.ndarray(dtype=vec2, ndim=1)
    Vec3s = ti.types.ndarray(dtype=vec3, ndim=1)
    Vec4s = ti.types.ndarray(dtype=vec4, ndim=1)
    Vec8s = ti.types.ndarray(dtype=vec8, ndim=1)
    Vec3ds = ti.types.ndarray(dtype=vec3d, ndim=1)
    Vec4ds = ti.types.ndarray(dtype=vec4d, ndim=1)
    Vec4dTable = ti.types.ndarray(dtype=vec4d, ndim=2)
    Vec8dTable = ti.types.ndarray(dtype=vec8d, ndim=2)
    Mat3s = ti.types.ndarray(dtype=mat3, ndim=1)
    Mat3ds = ti.types.ndarray(dtype=mat3d, ndim=1)
    IVec2s = ti.types.ndarray(dtype=ivec2, ndim=1)
    IVec3s = ti.types.ndarray(dtype=ivec3, ndim=1)
    IVec4s = ti.types.ndarray(dtype=ivec4, ndim=1)


def put(values: np.ndarray, kind: Any) -> Array:
    """Copy a numpy array to the backend as elements of `kind` (a Taichi scalar, vector or matrix type).

    An empty array becomes one element of zeros, since the backend knows no empty array; counts are passed beside it.
    """
    backend.current()
    trailing = _trailing(kind)
    scalar = kind.dtype if trailing else kind
    values = np.asarray(values).astype(to_numpy_type(scalar))
    if values.size == 0:
        values = np.zeros((1, *trailing), values.dtype)
    array = _new(kind, values.shape[: values.ndim - len(trailing)])
    array.from_numpy(np.ascontiguousarray(values))
    return array


def lent(values: np.ndarray) -> Any:
    """The same numpy array, for a kernel to read or write in its place: no copy on a CPU, one there and back on a GPU."""
    return values


def zeros(count: int, kind: Any) -> Array:
    """An array of zeros on the backend, of at least one element."""
    backend.current()
    return _new(kind, (max(count, 1),))


def _new(kind: Any, shape: tuple[int, ...]) -> Any:
    """An array whose memory goes when it does: Taichi 1.7.4 lets go of that of scalars alone, and keeps vectors and matrices.

    On a CPU numpy copies to and fro: Taichi launches a kernel for it, some 0.2 ms each time.
    """
    array: Any = ti.ndarray(dtype=kind, shape=shape)
    if _trailing(kind):
        weakref.finalize(array, _forget, running(), array.arr).atexit = False
    if backend.current() == "cpu":
        seen = _seen(array, kind)
        array.to_numpy, array.from_numpy = seen.copy, functools.partial(_write, seen)
    return array


def address_of(array: Any) -> tuple[int, int]:
    """Where an array of the backend lies in a CPU's memory, and how long it is [bytes]."""
    inner, program = array.arr, running()
    return program.get_ndarray_data_ptr_as_int(inner), inner.nelement() * inner.element_size()


def running() -> Any:
    """Taichi's own program, of which its types say that it may be missing."""
    return impl.get_runtime().prog


def _seen(array: Any, kind: Any) -> np.ndarray:
    """An array's own memory as numpy sees it; good for as long as the array is there."""
    trailing = _trailing(kind)
    place, size = address_of(array)
    memory: Any = (ctypes.c_char * size).from_address(place)
    scalar = to_numpy_type(kind.dtype if trailing else kind)
    return np.frombuffer(memory, scalar).reshape(*array.shape, *trailing)


def _write(target: np.ndarray, values: np.ndarray) -> None:
    if np.shape(values) != target.shape:
        raise ValueError(f"An array of shape {target.shape} was given values of shape {np.shape(values)}.")
    np.copyto(target, values, casting="same_kind")


def _forget(program: Any, memory: Any) -> None:
    if running() is program:
        program.delete_ndarray(memory)


def _trailing(kind: Any) -> tuple[int, ...]:
    if not hasattr(kind, "n"):
        return ()
    return (kind.n, kind.m) if kind.ndim == 2 else (kind.n,)
