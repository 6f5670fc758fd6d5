"""What waits is kept in order, within bounds, and by one run at a time."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from sinks.events.spool import Spool
from streamer.errors import SinkError

ROOMY = 1 << 20
ADDRESS = "webhook https://receiver/hook"


def spool(folder: Path, *, most_bytes: int = ROOMY, address: str = ADDRESS) -> Spool:
    return Spool(folder, address, most_bytes=most_bytes)


def numbers(waiting: Spool) -> list[int]:
    """Take out all there is."""
    taken = []
    while (record := waiting.first()) is not None:
        taken.append(json.loads(record.body)["n"])
        waiting.remove(record)
    return taken


def put(waiting: Spool, *given: int) -> None:
    for number in given:
        waiting.put({"n": number}, "door")


def test_nothing_waits_in_a_new_one(tmp_path: Path) -> None:
    with spool(tmp_path / "new" / "folder") as waiting:
        assert waiting.first() is None
        assert waiting.waiting == 0


def test_what_waits_is_there_for_the_next_with_the_same_ids(tmp_path: Path) -> None:
    with spool(tmp_path) as first:
        put(first, 1, 2, 3)
        record = first.first()
        assert record is not None
    with spool(tmp_path) as second:
        assert second.waiting == 3
        assert second.first() == record
        assert numbers(second) == [1, 2, 3]


def test_ids_are_never_used_twice(tmp_path: Path) -> None:
    ids = set()
    for _ in range(3):
        with spool(tmp_path) as waiting:
            put(waiting, 1, 2)
            while (record := waiting.first()) is not None:
                assert json.loads(record.body)["record_id"] == record.record_id
                ids.add(record.record_id)
                waiting.remove(record)
    assert len(ids) == 6


def test_runs_at_the_same_time_have_one_each_and_the_next_takes_both(tmp_path: Path) -> None:
    with spool(tmp_path) as first, spool(tmp_path) as second:
        put(first, 1, 2)
        put(second, 11, 12)
        assert numbers(first) == [1, 2]
        put(first, 3)
    with spool(tmp_path) as third:
        assert numbers(third) == [3, 11, 12]
    with spool(tmp_path) as fourth:
        assert fourth.waiting == 0


def test_another_address_is_another_spool(tmp_path: Path) -> None:
    with spool(tmp_path) as first:
        put(first, 1)
    with spool(tmp_path, address="webhook https://other/hook") as second:
        assert second.waiting == 0


def test_receivers_that_differ_by_a_key_in_the_path_are_two(tmp_path: Path) -> None:
    with spool(tmp_path, address="webhook https://home/webhook/0123456789abcdef") as first:
        put(first, 1)
    with spool(tmp_path, address="webhook https://home/webhook/fedcba9876543210") as second:
        assert second.waiting == 0


def test_the_oldest_makes_room_but_not_the_one_on_its_way(tmp_path: Path) -> None:
    with spool(tmp_path) as measure:
        put(measure, 0)
        record = measure.first()
        assert record is not None
        size = len(record.body)
    with spool(tmp_path / "small", most_bytes=3 * size + 2) as waiting:
        put(waiting, 1)
        on_its_way = waiting.first()
        assert on_its_way is not None
        put(waiting, 2, 3, 4, 5)
        assert (waiting.waiting, waiting.dropped) == (3, 2)
        waiting.remove(on_its_way)
        assert numbers(waiting) == [4, 5]


def test_a_damaged_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with spool(tmp_path):
        pass
    (path,) = tmp_path.glob("*.sqlite")
    path.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING), spool(tmp_path) as waiting:
        put(waiting, 1)
        assert numbers(waiting) == [1]
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    assert "kept as" in caplog.text


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"unsent events cannot be kept: .*choose another folder"):
        spool(tmp_path / "file").__enter__()


def test_only_its_owner_reads_what_waits(tmp_path: Path) -> None:
    with spool(tmp_path / "unsent"):
        assert (tmp_path / "unsent").stat().st_mode & 0o077 == 0
