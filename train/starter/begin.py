"""The starter before any training of ours; see `python -m train.starter.begin --help`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector.failure import DONE
from detector.recipe import RECIPES
from train.checkpoint import write_weights
from train.command import Parser, Screen, run_command, run_module
from train.starter.nanodet import read_nanodet, starter_from

_EPILOG = """\
example:
  python -m train.starter.begin --nanodet weights/nanodet_plus_m_416 \\
      --output start.safetensors
"""


def main(typed: Sequence[str]) -> int:
    """Writes as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _begin(typed, screen), typed)


def _begin(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.starter.begin",
        "Convert NanoDet-Plus into the starter that training begins with.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--nanodet",
        type=Path,
        required=True,
        metavar="PATH",
        help="its .param and .bin files, without suffix",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="safetensors file to write"
    )
    given = parser.read(typed)
    nanodet = read_nanodet(given.nanodet.with_suffix(".param"), given.nanodet.with_suffix(".bin"))
    state = starter_from(nanodet).state_dict()
    write_weights(given.output, state, RECIPES["starter"].about("starter"))
    screen.say(f"wrote {given.output}")
    return DONE


if __name__ == "__main__":
    run_module(main)
