"""Texts as pictures, rendered once: a word keeps its pixels for the next frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from sinks.canvas import Canvas, CoverageArray, Stamp
from sinks.palette import Bgr

_CACHED_WORDS = 4096  # all scores in the 72 colours, about 10 MB of small patches at 1080p
_WEIGHT = 500  # between regular and bold: thin strokes drown in 4:2:0


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """Words side by side, ready to be put.

    Attributes:
        words: one stamp a word.
        widths: px of each, even.
        height: px of all, even.
    """

    words: tuple[Stamp, ...]
    widths: tuple[int, ...]
    height: int

    @property
    def width(self) -> int:
        """Px, even."""
        return sum(self.widths)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px, even."""
        return self.width, self.height

    def put(self, canvas: Canvas, left: int, top: int) -> None:
        """Paste all words; the corner is even and the label fits."""
        for stamp, width in zip(self.words, self.widths, strict=True):
            canvas.put(stamp, left, top)
            left += width


class TextStamps:
    """Makes labels out of cached words; used by one thread.

    A score changes with every frame, a name never: words are cached one by one, so that nearly
    every label is put together from what is there.
    """

    def __init__(self) -> None:
        self._font = cv2.FontFace("sans")  # comes with OpenCV and knows more than Latin letters
        self._coverage: Callable[[str, int], CoverageArray] = lru_cache(_CACHED_WORDS)(self._render)
        self._stamps: dict[tuple[Any, ...], Stamp] = {}  # a key is made of unlike parts

    def row(
        self,
        canvas: Canvas,
        words: Sequence[str],
        text_px: int,
        ink: Bgr,
        ground: Bgr,
        *,
        shorten: bool = True,
    ) -> Label | None:
        """The words with a space between them, or None where they do not fit into the picture.

        With `shorten`, the longest word loses its end until the label fits.
        """
        words = [word for word in words if word]
        masks = [self._coverage(word, text_px) for word in words]
        if sum(mask.shape[1] for mask in masks) > canvas.width:
            shorter = self._shortened(words, text_px, canvas.width) if shorten else None
            if shorter is None:
                return None
            words, masks = shorter
        if not masks or masks[0].shape[0] > canvas.height:
            return None
        stamps = [self._stamp(canvas, word, text_px, ink, ground) for word in words]
        return Label(tuple(stamps), tuple(mask.shape[1] for mask in masks), masks[0].shape[0])

    def _shortened(
        self, words: Sequence[str], text_px: int, width: int
    ) -> tuple[list[str], list[CoverageArray]] | None:
        longest = max(range(len(words)), key=lambda k: len(words[k]))
        shorter = list(words)
        for length in range(len(words[longest]) - 1, 0, -1):
            shorter[longest] = words[longest][:length] + "…"
            masks = [self._coverage(word, text_px) for word in shorter]
            if sum(mask.shape[1] for mask in masks) <= width:
                return shorter, masks
        return None

    def _stamp(self, canvas: Canvas, word: str, text_px: int, ink: Bgr, ground: Bgr) -> Stamp:
        key = (canvas.encoding, word, text_px, ink, ground)
        stamp = self._stamps.get(key)
        if stamp is None:
            if len(self._stamps) >= _CACHED_WORDS:
                self._stamps.clear()
            stamp = self._stamps[key] = canvas.stamp(self._coverage(word, text_px), ink, ground)
        return stamp

    def _render(self, word: str, text_px: int) -> CoverageArray:
        """(h, w) coverage with a margin; h depends on `text_px` only, so words line up."""
        advance = cv2.getTextSize((1, 1), word, (0, 0), self._font, text_px, _WEIGHT)[2]
        margin = max(2, text_px // 4)
        height = _even(round(1.5 * text_px))
        width = _even(advance + margin + margin // 2)
        coverage = np.zeros((height, width, 3), np.uint8)
        baseline = round(1.1 * text_px)
        white = (255, 255, 255)
        cv2.putText(coverage, word, (margin, baseline), white, self._font, text_px, _WEIGHT)
        return np.ascontiguousarray(coverage[:, :, 0])


def _even(number: int) -> int:
    return number + number % 2
