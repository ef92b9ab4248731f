"""Room for more rows behind a mapped array, without a copy of the array.

The file keeps its pages, shared with every process that maps it; the rows that are added lie behind them in memory of
this process alone. So what reads the array needs not know where the file ends.
"""

import contextlib
import ctypes
import mmap
import sys
import weakref
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

_FIXED = 0x10  # MAP_FIXED of Linux and macOS, which the module mmap does not name
_FAILED = ctypes.c_void_p(-1).value


def with_room(array: NDArray[Number], rows: int) -> NDArray[Number]:
    """The same array with ``rows`` more rows of zeros, writable, (N + rows, ...).

    Of an array that is mapped from a file (``numpy.load(..., mmap_mode="r")``) nothing is copied until it is written
    to, and the file is never changed; any other array is copied. Every row holds memory only once it was written.

    Args:
        array: (N, ...).
        rows: how many more.
    """
    shape = (len(array) + rows, *array.shape[1:])
    source = _mapped(array)
    if source is not None:
        with contextlib.suppress(OSError):  # a system that cannot map so gets a copy
            return _extended(source, array, shape)
    grown = np.zeros(shape, array.dtype)
    grown[: len(array)] = array
    return grown


def _mapped(array: NDArray[Any]) -> "np.memmap[Any, Any] | None":
    """The whole mapped file that an array shows from its first number to its last; None for other arrays."""
    base: Any = array
    while base is not None and not isinstance(base, np.memmap):
        base = getattr(base, "base", None)
    if base is None or sys.platform == "win32" or base.filename is None or array.nbytes == 0:
        return None
    whole = base.ctypes.data == array.ctypes.data and base.nbytes == array.nbytes
    return base if whole and array.flags.c_contiguous else None


def _extended(source: "np.memmap[Any, Any]", array: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    count = int(np.prod(shape))
    length = source.offset + count * array.itemsize
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    access = mmap.PROT_READ | mmap.PROT_WRITE
    start = _map(library, None, length, access, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1)
    held = (ctypes.c_char * length).from_address(start)
    weakref.finalize(held, library.munmap, start, length)
    with open(str(source.filename), "rb") as file:
        size = source.offset + array.nbytes
        _map(library, start, size, access, mmap.MAP_PRIVATE | _FIXED, file.fileno())
    numbers: NDArray[Any] = np.frombuffer(memoryview(held), array.dtype, count, source.offset)
    return numbers.reshape(shape)


def _map(library: ctypes.CDLL, at: int | None, length: int, access: int, kind: int, file: int) -> int:
    start = library.mmap(at, length, access, kind, file, 0)
    if start == _FAILED or start is None:
        raise OSError(ctypes.get_errno(), "mmap")
    return int(start)
