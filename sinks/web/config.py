"""What a person may choose about the pages."""

from __future__ import annotations

from dataclasses import dataclass

MIN_TOKEN = 16  # signs: 2^96 guesses in base64, and no word that somebody would think of
_TOKEN_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How results are served.

    Attributes:
        token: who knows it may look; None makes a new one for every run, loopback only.
        fps: pictures a second and stream at most.
        width: px of a picture's longer side at most, whatever the viewer's screen.
        quality: of the JPEG pictures, 1..100.
        share: of all processors together that pictures and sending may take from a busy machine,
            in (0, 1]; where viewers ask for more, pictures come less often. What is idle is
            used besides.
        viewers: at once, at most.
        stall_s: seconds after which a viewer that takes nothing is dropped.
    """

    token: str | None = None
    fps: float = 25.0
    width: int = 1280
    quality: int = 75
    share: float = 0.02  # 2 %: more than 95 % stay for the detector (benchmarks.web_viewers)
    viewers: int = 100
    stall_s: float = 10.0

    def __post_init__(self) -> None:
        if self.token is not None and (
            len(self.token) < MIN_TOKEN or not _TOKEN_SIGNS.issuperset(self.token)
        ):
            # The token itself stays out of the message: it would end up in a log.
            raise ValueError(
                f"token: expected at least {MIN_TOKEN} letters, digits or -._~, "
                f"got {len(self.token)} characters; try `openssl rand -hex 16`"
            )
        if not 0 < self.fps <= 240:
            raise ValueError(f"fps: expected 0..240, above 0, got {self.fps!r}")
        if not 64 <= self.width <= 8192:
            raise ValueError(f"width: expected 64..8192, got {self.width!r}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality: expected 1..100, got {self.quality!r}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: expected 0..1, above 0, got {self.share!r}")
        if self.viewers < 1:
            raise ValueError(f"viewers: expected at least 1, got {self.viewers!r}")
        if not 0 < self.stall_s <= 3600:
            raise ValueError(f"stall_s: expected 0..3600, above 0, got {self.stall_s!r}")
