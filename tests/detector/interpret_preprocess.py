"""Runs the kernel in Triton's interpreter; prints how far it is from the host path, in levels.

A program of its own: the interpreter is chosen by TRITON_INTERPRET=1 before triton is imported.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from detector.imported import Importer
from detector.letterbox import Letterbox
from detector.preprocess_triton import preprocess
from detector.staging import Sampling, fetch, lay_out, stage, stored_samples
from tests.detector.test_preprocess import LEVELS, PICTURES, STRETCH

WIDTH, HEIGHT = STRETCH.width, STRETCH.height
CHANNELS = 8  # as a padded network wants them
BLOCK = 8192  # one program a picture: a program costs the interpreter a tenth of a second


def main() -> int:
    pictures = [make() for make in PICTURES.values()]
    importer = Importer(torch.device("cpu"))  # before anybody brings them down
    stored = [stored_samples(picture, importer.samples(picture)) for picture in pictures]
    samplings, expected = [], []
    for number, picture in enumerate(pictures):
        if number % 4 < 3:
            place = STRETCH.place(picture.width, picture.height)
            samplings.append(Sampling.of_placement(place))
            expected.append(place.warp(picture.bgr()).astype(np.float32))
        else:
            size = {"width": picture.width, "height": picture.height}
            box = Letterbox.fit(**size, into_width=WIDTH, into_height=HEIGHT)
            planes = np.empty((3, HEIGHT, WIDTH), np.float32)
            box.draw(picture.bgr(), planes)
            samplings.append(Sampling.of_letterbox(box, **size))
            expected.append(planes.transpose(1, 2, 0))
    layout = lay_out([samples for samples, _ in stored])
    assert layout.size > layout.host_size, "none lies on the device"
    staged = np.zeros(layout.size, np.uint8)
    table = stage(stored, samplings, layout, staged[: layout.host_size])
    fetch([samples for samples, _ in stored], layout, torch.from_numpy(staged))
    out = torch.full((len(pictures) + 1, CHANNELS, HEIGHT, WIDTH), -1.0, dtype=torch.float16)
    out = out.to(memory_format=torch.channels_last)
    preprocess(table, torch.from_numpy(staged), torch.from_numpy(LEVELS), out, block=BLOCK)
    assert bool((out[-1] == -1).all()), "wrote beyond the batch"
    assert bool((out[:, 3:] == -1).all()), "wrote beyond the colours"
    found = out[:-1, :3].permute(0, 2, 3, 1).float().numpy()
    difference = np.abs(found - np.stack(expected))
    sys.stdout.write(f"{difference.max():.0f} {np.mean(difference > 0):.6f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
