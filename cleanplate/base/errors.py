"""Every error this package raises on purpose.

    CleanplateError                what went wrong, what to do about it: one sentence each
    |-- UsageError (ValueError)    what was asked cannot be done: exit code 2
    |   |-- MaskError              the mask does not fit the video, or says nothing
    |   `-- MissingExtraError           an optional part is not installed
    `-- FailedError (RuntimeError) asked well, but it did not work: exit code 1
        |-- MediaError             a file cannot be read, decoded or written
        |-- MissingWeightsError         a network's weights are not on this machine
        `-- ProofError             a sample outside the hole was changed

The command line prints the message alone; `--debug` adds the traceback.
"""

from __future__ import annotations


class CleanplateError(Exception):
    """Root of the tree. The message says what was found and what to type next."""

    exit_code = 1


class UsageError(CleanplateError, ValueError):
    """What was asked for cannot be done: a wrong path, name, number or combination."""

    exit_code = 2


class MaskError(UsageError):
    """The mask does not fit the video, cannot be read as one, or says nothing."""


class MissingExtraError(UsageError):
    """An optional dependency is needed that is not installed."""


class FailedError(CleanplateError, RuntimeError):
    """The request was good, but carrying it out failed."""


class MediaError(FailedError):
    """A video or image cannot be read, decoded or written."""


class MissingWeightsError(FailedError):
    """The weights of a network are not on this machine and may not or cannot be fetched."""


class ProofError(FailedError):
    """A sample outside the grown hole differs from the source."""
