from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.assembly import (
    START_CODE,
    AccessUnits,
    AsTheyCome,
    NalUnits,
    Unit,
    assembler_of,
)

MTU = 1400


def nal(size: int, fill: int = 1) -> bytes:
    return START_CODE + bytes([fill]) * size


def fragments(unit: bytes, size: int = MTU) -> list[bytes]:
    return [unit[start : start + size] for start in range(0, len(unit), size)]


def test_a_fragmented_unit_is_given_with_its_last_fragment() -> None:
    unit = nal(3 * MTU + 100)
    assembler = NalUnits()
    given = [assembler.push(part, 0) for part in fragments(unit)]
    assert given == [[], [], [], [Unit(unit, 0)]]


def test_a_unit_that_fills_its_last_fragment_is_given_when_the_next_begins() -> None:
    unit, following = nal(2 * MTU - len(START_CODE)), nal(50)
    assembler = NalUnits()
    assert [assembler.push(part, 0) for part in fragments(unit)] == [[], []]
    assert assembler.push(following, 1) == [Unit(unit, 0), Unit(following, 1)]


def test_a_sender_that_cuts_evenly_spoils_one_unit_and_then_none() -> None:
    assembler = NalUnits()
    units = [nal(2996, fill) for fill in range(1, 6)]  # 3000 bytes with the start code
    given = []
    for pts, unit in enumerate(units):
        for part in (unit[:1020], unit[1020:2010], unit[2010:]):  # 1020, 990, 990 bytes
            given += assembler.push(part, pts)
    given += assembler.flush()
    assert given[0] != Unit(units[0], 0)
    assert given[-4:] == [Unit(unit, pts) for pts, unit in enumerate(units) if pts]


@given(st.lists(st.integers(1, 5000), max_size=30), st.integers(600, 1500))
def test_whatever_the_sizes_every_unit_comes_whole_and_in_order(sizes: list[int], mtu: int) -> None:
    units = [Unit(nal(size), pts) for pts, size in enumerate(sizes)]
    assembler = NalUnits()
    first_full = [Unit(nal(mtu * 2 + 1), -1)]  # as a stream's first key frame
    given = []
    for unit in first_full + units:
        for part in fragments(unit.data, mtu):
            given += assembler.push(part, unit.pts)
    assert given + assembler.flush() == first_full + units


def test_the_parts_of_one_time_are_given_together_when_another_begins() -> None:
    assembler = AccessUnits()
    assert assembler.flush() == []
    assert [assembler.push(part, 7) for part in (b"a", b"b")] == [[], []]
    assert assembler.push(b"c", 8) == [Unit(b"ab", 7)]
    assert assembler.flush() == [Unit(b"c", 8)]


@pytest.mark.parametrize(
    ("codec", "kind"),
    [
        pytest.param("unheard-of", AccessUnits, id="unknown: always right"),
        pytest.param("hevc", AccessUnits, id="hevc"),
        pytest.param("h264", NalUnits, id="h264"),
        pytest.param("mjpeg", AsTheyCome, id="mjpeg"),
    ],
)
def test_codecs_are_assembled_their_own_way(codec: str, kind: type) -> None:
    assert type(assembler_of(codec)) is kind
