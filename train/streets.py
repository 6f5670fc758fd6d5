"""Drawn streets as a folder of pictures with labels; see `python -m train.streets --help`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2

from detector.failure import DONE
from train.command import Parser, Screen, counting, run_command, run_module, usage_errors
from train.data.synthetic import SyntheticDataConfig, SyntheticSamples
from train.errors import DataError
from train.eval.output import make_folder, write_whole
from train.sample import Sample

Row = dict[str, object]  # as COCO's file has it

EXAMPLES = """\
examples:
  python -m train.streets --scenes 100 --output runs/streets
  python -m train.evaluate --annotations runs/streets/annotations.json \\
      --images runs/streets --detector fchardnet70

Street 0 is run.py's `synthetic:seed=0`, and so on. Objects that are mostly
hidden are marked iscrowd: neither finding nor missing one counts.
"""


def main(typed: Sequence[str]) -> int:
    """Draw as a command line says; gives back the exit code."""
    return run_command(lambda screen, _: _draw(typed, screen), typed)


def _draw(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.streets", "Draw street scenes with labels, as a COCO data set.", epilog=EXAMPLES
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder to write to"
    )
    parser.add_argument(
        "--scenes", type=int, default=100, metavar="N", help="streets (default: 100)"
    )
    parser.add_argument(
        "--frames", type=int, default=2, metavar="N", help="pictures of each (default: 2)"
    )
    parser.add_argument(
        "--first-seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the first street (default: 0)",
    )
    parser.add_argument(
        "--varied", action="store_true", help="vary the number of objects and the light"
    )
    given = parser.read(typed)
    with usage_errors():
        config = SyntheticDataConfig(
            scenes=given.scenes,
            frames=given.frames,
            first_seed=given.first_seed,
            is_varied=given.varied,
        )
    samples = SyntheticSamples(config)
    make_folder(given.output)
    images: list[Row] = []
    boxes: list[Row] = []
    with counting(screen, "pictures", len(samples)) as count:
        for index in range(len(samples)):
            sample = samples.read(index)
            images.append(_write(sample, given.output))
            boxes += _boxes(sample, first_id=len(boxes) + 1)
            count()
    names = enumerate(samples.class_names, 1)
    categories = [{"id": number, "name": name} for number, name in names]
    document = {"images": images, "annotations": boxes, "categories": categories}
    target = given.output / "annotations.json"
    write_whole(target, json.dumps(document).encode())
    screen.say(f"wrote {len(images)} pictures with {len(boxes)} boxes, and {target}")
    return DONE


def _write(sample: Sample, folder: Path) -> Row:
    """Writes the picture; gives back its row of `images`."""
    name = f"{sample.image_id:06}.png"
    done, png = cv2.imencode(".png", sample.picture)
    if not done:
        raise DataError(f"{sample.name}: cannot be encoded as PNG")
    write_whole(folder / name, png.tobytes())
    return {
        "id": sample.image_id,
        "file_name": name,
        "width": sample.width,
        "height": sample.height,
    }


def _boxes(sample: Sample, first_id: int) -> list[Row]:
    """Rows of `annotations`."""
    columns = zip(sample.boxes_xyxy.tolist(), sample.class_id, sample.is_crowd, strict=True)
    return [
        {
            "id": number,
            "image_id": sample.image_id,
            "category_id": int(class_id) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": int(is_crowd),
        }
        for number, ((x1, y1, x2, y2), class_id, is_crowd) in enumerate(columns, first_id)
    ]


if __name__ == "__main__":
    run_module(main)
