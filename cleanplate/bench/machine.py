"""What a figure was measured with: machine, versions, date. Every report of a bench says so."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cleanplate.bench.work import core_count

_PACKAGES = ("cleanplate", "numpy", "scipy", "opencv-python-headless", "numba", "av", "scikit-image", "torch")


def cpu_name() -> str:
    """The processor's name as the system gives it, or its architecture where it does not say."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():  # platform.processor() is empty on most Linux systems
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine_facts() -> dict[str, Any]:
    """Processor, cores this process may use and cores there are, system, Python."""
    return {
        "cpu": cpu_name(),
        "cores": core_count(),
        "cores_of_machine": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def version_facts() -> dict[str, str]:
    """Versions of this package and of what its figures depend on, as far as they are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def today() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
