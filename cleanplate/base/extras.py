"""Parts of the program that are installed only where they are wanted."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cleanplate.base.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """The module, imported now; `extra` is the pip extra that brings it.

    Raises `MissingExtraError` with the pip command if it, or something it imports, is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'this needs {error.name or module}, which is not installed; type: pip install "cleanplate[{extra}]"'
        ) from error
