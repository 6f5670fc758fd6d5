"""Which files cannot be read for examples on this machine."""

from __future__ import annotations

from importlib.util import find_spec

# Without Triton these cannot be imported; the tests of its kernel skip then, and say so.
_OF_TRITON = ["detector/preprocess_triton.py", "tests/detector/interpret_preprocess.py"]
collect_ignore = [] if find_spec("triton") else _OF_TRITON
