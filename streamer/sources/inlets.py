"""From what stands after --source to the inlets of a pipeline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streamer.contract import Source
from streamer.errors import SourceOpenError
from streamer.feed import Inlet
from streamer.sources.input_config import InputConfig
from streamer.sources.loop import Looped
from streamer.sources.pace import Paced
from streamer.sources.table import NamedSource, find_sources
from streamer.sources.turns import InTurn, Turns

# Not text at all; or what a terminal or page obeys: control signs, signs that turn text around.
UNSAFE_IN_FILE_NAMES = re.compile(
    r'[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069/\\:*?"<>|\ud800-\udfff]+'
)
UNFINISHED = re.compile(r"\.(?=partial$)")  # clip.partial.mp4 is what clip.mp4 is called meanwhile
LONGEST_ID = 100  # characters
MOST_BYTES = 200  # file systems allow 255, suffixes included


def open_inlets(specs: Sequence[str], config: InputConfig | None = None) -> list[Inlet]:
    """One inlet a stream, with distinct ids; nothing is opened until the pipeline runs.

    Args:
        specs: as `find_sources` takes them.
        config: how they are read.

    Raises:
        SourceOpenError: a spec that names nothing, or no file of all that are named is there.
        SourceSpecError: a spec that makes no sense.
    """
    config = config or InputConfig()
    found = [named for spec in specs for named in find_sources(spec, config)]
    missing = [named.missing for named in found if named.missing is not None]
    if missing and len(missing) == len(found):  # before weights are fetched for nothing
        raise SourceOpenError(f"source '{missing[0]}': no such file; check the path")
    turns = None
    if sum(named.is_recording for named in found) > config.at_once:
        turns = Turns(config.at_once)
    inlets: list[Inlet] = []
    taken: set[str] = set()
    for named in found:
        stream_id = _unique(named.stem, taken)
        taken.add(stream_id.casefold())
        inlets.append(_inlet(named, stream_id, config, turns))
    return inlets


def _inlet(named: NamedSource, stream_id: str, config: InputConfig, turns: Turns | None) -> Inlet:
    def make() -> Source:
        return named.make(stream_id)

    if turns is not None and named.is_recording and not (config.loop or config.realtime):
        return _served(InTurn(make(), turns), config, is_live=False)

    source = Looped(make) if config.loop and not named.is_live else make()
    if config.realtime and not named.is_live:
        source = Paced(source)
    return _served(source, config, is_live=named.is_live or config.realtime)


def _served(source: Source, config: InputConfig, *, is_live: bool) -> Inlet:
    if config.mode == "latest" or (config.mode == "auto" and is_live):
        return Inlet.live(source, max_staleness_s=config.max_staleness_s)
    return Inlet(source)


def _unique(stem: str, taken: set[str]) -> str:
    text = UNFINISHED.sub("_", UNSAFE_IN_FILE_NAMES.sub("_", stem).strip(". ")[:LONGEST_ID])
    base = text.encode()[:MOST_BYTES].decode(errors="ignore") or "stream"
    name, number = base, 2
    while name.casefold() in taken:  # many file systems take Clip and clip for one
        name, number = f"{base}-{number}", number + 1
    return name
