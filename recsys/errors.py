"""Every error this project raises on purpose, as one tree.

    JobrecError
    +-- ConfigError        a setting is unknown, missing or contradictory
    +-- DataError          a source file cannot be used as the config describes it
    +-- RequestError       a request names something that does not exist or is malformed
    |   +-- UnknownError       what it asks about was never there
    +-- BundleError        a bundle is damaged, incomplete or of another schema version
    +-- StoreError         the store cannot be used as it is
    |   +-- StoreUnavailable   it is gone, locked or full, and may come back
    +-- EncoderError       texts cannot be encoded now
    |   +-- EncoderBusy        too many wait for it
    |   +-- EncoderGone        its process does not answer
    +-- Behind             what was asked to be waited for did not come in time
    +-- MissingExtraError  an optional part is not installed

The message says what, where and what to do. The command line prints it as one line and exits with 2.
"""


class JobrecError(Exception):
    """Something that the person who runs the program can put right."""


class ConfigError(JobrecError):
    """A setting is unknown, missing or contradictory."""


class DataError(JobrecError):
    """A source file cannot be used as the config describes it."""


class RequestError(JobrecError):
    """A request names something that does not exist, or is malformed."""


class UnknownError(RequestError):
    """What a request asks about, a posting or a category, was never there."""


class BundleError(JobrecError):
    """A bundle is damaged, incomplete or of another schema version."""


class StoreError(JobrecError):
    """The store cannot be used as it is."""


class StoreUnavailable(StoreError):
    """The store is gone, locked or full, and may come back."""


class EncoderError(JobrecError):
    """Texts cannot be encoded now."""


class EncoderBusy(EncoderError):
    """Too many texts wait for the encoder."""


class EncoderGone(EncoderError):
    """The encoder's process does not answer."""


class Behind(JobrecError):
    """What a reader asked to be waited for (a position of the log) did not come in time."""


class MissingExtraError(JobrecError):
    """An optional part is not installed.

    Args:
        what: the feature that was asked for.
        extra: the name of the extra that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'jobrec[{extra}]'")
        self.extra = extra
