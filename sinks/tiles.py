"""Where several pictures go in one window."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """A place in the window, px.

    Attributes:
        left: of the whole place.
        top: likewise.
        width: likewise.
        height: likewise; the caption is in it.
        caption: px of it, at the top, that belong to the name.
    """

    left: int
    top: int
    width: int
    height: int
    caption: int = 0

    def contains(self, x: int, y: int) -> bool:
        """The point is inside.

        >>> Tile(0, 0, 4, 4).contains(3, 3), Tile(0, 0, 4, 4).contains(4, 3)
        (True, False)
        """
        return 0 <= x - self.left < self.width and 0 <= y - self.top < self.height

    def fit(self, width: float, height: float) -> tuple[int, int, int, int]:
        """Left, top, width and height of a picture in the middle, as large as it can be.

        Sizes are even, so that they can be drawn on; 0 where there is no room.
        """
        room = max(0, self.height - self.caption)
        scale = min(self.width / width, room / height)
        across = min(self.width, round(width * scale)) & ~1
        down = min(room, round(height * scale)) & ~1
        left = self.left + (self.width - across) // 2
        return left, self.top + self.caption + (room - down) // 2, across, down


def tiles(count: int, width: int, height: int, aspect: float, caption: int) -> list[Tile]:
    """`count` tiles in rows, in the grid that shows pictures largest.

    Args:
        count: at least 1.
        width: of the window, px.
        height: likewise.
        aspect: width over height of a typical picture.
        caption: px above each picture for its name.
    """

    def merit(columns: int) -> tuple[int, int]:
        rows = math.ceil(count / columns)
        width_px = round(min(width / columns, (height / rows - caption) * aspect))
        return width_px, columns  # beside each other rather than below, where both are the same

    columns = max(range(1, count + 1), key=merit)
    rows = math.ceil(count / columns)
    return [
        Tile(
            left=column * width // columns,
            top=row * height // rows,
            width=(column + 1) * width // columns - column * width // columns,
            height=(row + 1) * height // rows - row * height // rows,
            caption=caption,
        )
        for row, column in (divmod(index, columns) for index in range(count))
    ]
