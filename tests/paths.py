"""Where material beside the repository lies, and the mark that skips without it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "tests" / "golden"


def needs_shared(*parts: str) -> pytest.MarkDecorator:
    """Skips a test where `../shared/<parts>` is absent."""
    path = SHARED.joinpath(*parts)
    return pytest.mark.skipif(not path.exists(), reason=f"needs ../shared/{'/'.join(parts)}")
