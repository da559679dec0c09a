"""How the loops over samples are compiled: one place for what all of them want.

    @numba.njit(**KERNEL)
    @numba.njit(forceinline=True, **KERNEL)  # called by other kernels
    @numba.njit(inline="always", **KERNEL)  # small, and called for every sample: arrays are not handed over each time

Sums may be taken in another order than written, and a division by zero gives what IEEE 754 says instead of a Python
error: half again as fast. The order is fixed when the code is compiled, so that one kind of machine gives one result.
That is why a kernel becomes part of those that call it: else each brings a copy with an order of its own, and the one
that was compiled or loaded first serves all, so that a first run differed from later ones in the last bits.
The cache on disk does not notice a change in a kernel that another one calls: remove `__pycache__` after editing one.
"""

from __future__ import annotations

from typing import Any

KERNEL: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}
