"""What a service asks for its bundles."""

from typing import Protocol

from serving.live.follower import Follower


class Bundles(Protocol):
    """Which bundle is to be served."""

    def active(self) -> str:
        """Name of the active one, as answers give it; raises BundleError where it cannot be told."""
        ...

    def open(self) -> Follower:
        """A follower of the active one; raises BundleError where it is damaged."""
        ...

    def open_first(self) -> Follower:
        """A follower of the active one, or of the latest before it that is whole."""
        ...
