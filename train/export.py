"""Weights out of a training, small enough to give away; see `python -m train.export --help`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch

from configs.errors import ConfigError
from configs.loader import suggestion
from detector.about import About
from detector.checkpoint import Checkpoint, read_checkpoint
from detector.failure import DONE
from detector.geometry import parse_imgsz
from detector.network import bare
from detector.recipe import RECIPES
from train.checkpoint import write_checkpoint, write_weights
from train.command import Parser, Screen, run_command, run_module
from train.eval.output import check_target

EXAMPLES = """\
examples:
  python -m train.export --weights runs/mine/best.pth --out mine.safetensors
  python -m train.export --weights runs/mine/best.pth --out for_others.pth
  python -m train.export --weights centernet_hardnet85_coco.pth \\
      --detector hardnet85 --out coco.safetensors

.safetensors: fp16, with class names, normalisation and input size, so that
run.py --weights needs nothing else. .pth: the format of the published CenterNet
checkpoints, fp32, `epoch` and `state_dict`.
"""


def main(typed: Sequence[str]) -> int:
    """Export as a command line says; gives back the exit code."""
    return run_command(lambda screen, _: _export(typed, screen), typed)


def _export(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.export",
        "Write the weights of a checkpoint as a file to distribute.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="checkpoint")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=" or ".join(_WRITERS)
    )
    parser.add_argument(
        "--imgsz", metavar="SIZE", help="input size to detect at (default: the checkpoint's)"
    )
    parser.add_argument(
        "--detector",
        metavar="NAME",
        help="what the weights are for, if the checkpoint does not say",
    )
    given = parser.read(typed)
    write = _WRITERS.get(given.out.suffix)
    if write is None:
        raise ConfigError("--out", f"expected {' or '.join(_WRITERS)}, got {given.out.name!r}")
    check_target("--out", given.out, _WRITERS, inputs=[given.weights])
    checkpoint = read_checkpoint(given.weights)
    about = _about(checkpoint, given.detector)
    if given.imgsz is not None:
        about = replace(about, imgsz=_checked_size(given.imgsz))
    recipe = RECIPES[about.architecture]
    network = bare(recipe.network, len(about.class_names))
    checkpoint.fill(network)  # so that only weights that load are given away
    whole = Checkpoint(network.state_dict(), about, checkpoint.path)
    write(given.out, whole, about)
    screen.say(f"wrote {given.out}, {given.out.stat().st_size / 1e6:.1f} MB")
    return DONE


def _about(checkpoint: Checkpoint, name: str | None) -> About:
    """What the weights need: the file's own word, or the recipe of the detector named."""
    about = checkpoint.about
    wanted = name if about is None else about.architecture
    if wanted is None:
        raise ConfigError(
            "--detector", f"expected one of {', '.join(RECIPES)}: the file does not say"
        )
    if wanted not in RECIPES:
        raise ConfigError("--detector", f"unknown {wanted!r}{suggestion(wanted, RECIPES)}")
    if name not in (None, wanted):
        raise ConfigError("--detector", f"expected {wanted!r}, as the file says, got {name!r}")
    return RECIPES[wanted].about(wanted) if about is None else about


def _checked_size(text: str) -> str:
    try:
        parse_imgsz(text)
    except ValueError as error:
        raise ConfigError("--imgsz", str(error).removeprefix("imgsz: ")) from error
    return text


def _write_own(path: Path, checkpoint: Checkpoint, about: About) -> None:
    write_weights(path, checkpoint.state_dict, about)


def _write_published(path: Path, checkpoint: Checkpoint, about: About) -> None:
    del about  # the published form has no place for it
    state = {
        key: value.float() if value.is_floating_point() else value.to(torch.int64)
        for key, value in checkpoint.state_dict.items()
    }
    write_checkpoint(path, {"epoch": 0, "state_dict": state})


_WRITERS: Mapping[str, Callable[[Path, Checkpoint, About], None]] = MappingProxyType(
    {".safetensors": _write_own, ".pth": _write_published}
)


if __name__ == "__main__":
    run_module(main)
