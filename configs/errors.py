"""What goes wrong with a configuration."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting is unknown, missing or impossible; the message is one line fit for a person.

    Attributes:
        path: where it is, such as `sinks[1].port`; empty where the whole is meant.
        reason: what was expected and what was there.

    >>> str(ConfigError("sinks[1].port", "expected an int, got 'http'"))
    "sinks[1].port: expected an int, got 'http'"
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason
