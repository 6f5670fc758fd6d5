"""Where labels go, so that none lies on another and, if possible, none on what it names."""

from __future__ import annotations

from collections.abc import Iterator

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom: even px, half-open, not empty


class LabelPlaces:
    """The places that are still free in one picture.

    Args:
        width: of the picture, px, even.
        height: likewise.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._taken: list[Rectangle] = []

    def take(self, left: int, top: int, width: int, height: int) -> None:
        """Something is there already."""
        self._taken.append((left, top, left + width, top + height))

    def find(
        self, width: int, height: int, box: Rectangle, *, is_low: bool = False
    ) -> tuple[int, int] | None:
        """The left and upper edge of a free place at a box, which is then taken, or None.

        Above the box before below it, beside it and, where it reaches all edges, in it.

        Args:
            width: of the label, px, even, at most the picture's.
            height: likewise.
            box: what the label names, within the picture.
            is_low: below and to the right first, where other labels come last.
        """
        for left, top in self._candidates(width, height, box, is_low=is_low):
            if self._is_free(left, top, width, height):
                self.take(left, top, width, height)
                return left, top
        return None

    def find_near(self, width: int, height: int, box: Rectangle) -> tuple[int, int]:
        """As `find`, for what must be seen: ever farther from the box rather than not at all.

        Only where the column above and below the box is full, the label lies on something else.
        """
        found = self.find(width, height, box)
        if found is not None:
            return found
        left = min(box[0], self._width - width)
        preferred = max(0, min(box[1] - height, self._height - height))
        tops = sorted(range(0, self._height - height + 1, 2), key=lambda top: abs(top - preferred))
        free = (top for top in tops if self._is_free(left, top, width, height))
        top = next(free, preferred)
        self.take(left, top, width, height)
        return left, top

    def _is_free(self, left: int, top: int, width: int, height: int) -> bool:
        right, bottom = left + width, top + height
        return not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for other in self._taken
        )

    def _candidates(
        self, width: int, height: int, box: Rectangle, *, is_low: bool
    ) -> Iterator[tuple[int, int]]:
        left, top, right, bottom = box
        most_left, most_top = self._width - width, self._height - height
        across = (min(left, most_left), max(0, right - width))
        down = (min(top, most_top), max(0, bottom - height))
        outside = (top - height, bottom)
        if is_low:
            across, down, outside = across[::-1], down[::-1], outside[::-1]
        for y in outside:
            if 0 <= y <= most_top:
                for x in across:
                    yield x, y
        middle = min(max(0, (top + bottom - height) // 4 * 2), most_top)
        for x in (right, left - width):
            if 0 <= x <= most_left:
                for y in (*down, middle):
                    yield x, y
        for y in down:
            for x in across:
                yield x, y
