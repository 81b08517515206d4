"""The errors of IOEBSS. Each message says what to do; the commands print it and exit with the
code.
"""

from __future__ import annotations


class IoebssError(Exception):
    """Base of all errors that IOEBSS raises on purpose. Commands end with `exit_code`."""

    exit_code = 1


class UsageError(IoebssError, ValueError):
    """An argument, option, recipe or request that makes no sense as given."""

    exit_code = 2


class ClickError(UsageError):
    """A click outside the photo, not finite, with an unknown label, or no foreground click."""


class ImageError(IoebssError):
    """A photo or mask that cannot be read: missing, not an image, truncated, too large."""


class PhotoSizeError(ImageError):
    """A photo or mask with more pixels than are accepted."""


class ModelError(IoebssError):
    """A model, manifest or checkpoint that is missing, corrupt, or does not fit."""


class BackendError(IoebssError):
    """An inference engine that cannot be used here, with the reason."""


class EngineMismatchError(BackendError):
    """An engine built for another machine, library, shape or model; the message names the field
    that differs, both values, and the command that rebuilds it."""


class DeviceMemoryError(BackendError):
    """The GPU has no memory left for what was to be done; other work there may be using it."""


class MissingExtraError(BackendError):
    """An optional dependency is missing; the message holds the pip line to type."""


class DataError(IoebssError):
    """A data set that is missing files or holds what it should not."""


class OutputError(IoebssError):
    """A result that cannot be written."""


class ProofError(IoebssError):
    """An export whose results differ from the reference by more than allowed."""


def first_line(error: BaseException) -> str:
    """What an error of another library says, short enough for a line."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
