"""The composition root: arguments -> configuration -> objects -> run -> exit code.

The only file that prints and that knows all the others; see `python run.py --help`.
"""

from __future__ import annotations

import io
import os
import secrets
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

if __name__ == "__main__":
    # What follows takes a second or two to load; Ctrl-C then ends it as it ends any program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from rich.text import Text

from analytics.chain import build_analytics, check_scene, choose_tracker
from analytics.scene_config import SceneConfig
from analytics.track import AtLeast, TrackingConfig
from analytics.tracking.tracker import TrackerConfig
from configs.arguments import parse
from configs.errors import ConfigError
from configs.loader import dump, suggestion
from configs.strict_yaml import to_yaml
from detector.choice import ADVICE
from detector.config import AUTO, DetectorConfig
from detector.contract import Detector
from detector.detections import Detections
from detector.failure import DONE, NO_SOURCE, STREAM_FAILED, exit_code, leaves, one_line
from detector.table import DETECTORS, build_detector
from sinks.album import AlbumSink
from sinks.alpha import OverlayConfig
from sinks.annotate import Style
from sinks.console import Readout
from sinks.display import DisplayConfig
from sinks.events.clips import ClipsConfig
from sinks.events.mqtt_config import MqttConfig
from sinks.events.webhook import WebhookConfig
from sinks.fetching import Fetching
from sinks.gpu import GpuProbe, open_gpu
from sinks.json_log import open_screen, show_end
from sinks.keyboard import open_keyboard
from sinks.kind import BuiltSink, SinkContext, SinkSpec
from sinks.mp4 import FileConfig
from sinks.outputs import check_outputs
from sinks.privacy import Blur, BlurConfig, check_blur
from sinks.segments import SegmentsConfig
from sinks.stored import store_beside
from sinks.stream import StreamConfig
from sinks.summary import show_summary
from sinks.table import SINKS, build_sinks, parse_sink
from sinks.target import new_folder, no_empty_folder
from sinks.terminal import Terminal, logging_to, silence
from sinks.ticker import Ticker, show_pages
from sinks.web.config import WebConfig
from streamer.channel import Overflow
from streamer.contract import Analytic
from streamer.errors import SinkError
from streamer.frame import StreamInfo
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.redact import redact_tree
from streamer.signals import Interrupted, StopSignals
from streamer.snapshot import RunSnapshot
from streamer.sources.camera import describe, list_cameras
from streamer.sources.inlets import open_inlets
from streamer.sources.input_config import InputConfig

DEFAULT_OUTPUT = Path("runs/detect")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything a person may choose about a run.

    Attributes:
        sources: files, folders, globs, pictures, cameras, addresses, as for `--source`.
        input: how they are read.
        detector: what looks at the frames.
        tracking: what follows objects from frame to frame; pictures are not tracked.
        scene: the lines, zones and ground that are watched.
        blur: what is made unrecognisable.
        sinks: `NAME[:PATH]` or `package.module:Class[:PATH]` each.
        file: how the file sink writes video; the others named after sinks likewise.
        style: how results are drawn.
        output: folder to write to, or None for a new one in runs/detect, named after the first
            source.
        limit: frames a stream at most, or None.
        overwrite: replace what is already there.
        append: go on with what is already there, in the sinks that can.
    """

    sources: tuple[str, ...] = ()
    input: InputConfig = field(default_factory=InputConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    blur: BlurConfig = field(default_factory=BlurConfig)
    sinks: tuple[str, ...] = ("file",)
    file: FileConfig = field(default_factory=FileConfig)
    display: DisplayConfig = field(default_factory=DisplayConfig)
    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    web: WebConfig = field(default_factory=WebConfig)
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    clips: ClipsConfig = field(default_factory=ClipsConfig)
    style: Style = field(default_factory=Style)
    output: Path | None = None
    limit: int | None = None
    overwrite: bool = False
    append: bool = False

    def __post_init__(self) -> None:
        if self.append and self.overwrite:
            raise ValueError("append: expected it or overwrite, got both; leave one out")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit: expected at least 1, got {self.limit!r}")
        if not self.sinks:
            raise ValueError("sinks: expected at least one, got none; use null to write nothing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives back the exit code."""
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")  # s; its 10 outlast a Ctrl-C
    sys.setswitchinterval(2e-4)  # s; beside a busy thread each hand-over would take 5 ms
    typed = sys.argv[1:] if arguments is None else list(arguments)
    screen, out = open_screen(typed), Terminal(highlight=False)
    is_verbose = "--verbose" in typed
    try:
        with (
            logging_to(screen, is_verbose=is_verbose),
            StopSignals(
                on_abandon=screen.give_back, on_hang_up=(screen.hang_up, out.hang_up)
            ) as signals,
        ):
            return _run_command(typed, signals, screen, out)
    except Interrupted as interrupted:
        screen.say("stopped before anything was written")
        return interrupted.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: a line instead of a traceback
        if is_verbose:
            screen.say(traceback.format_exc())
        for failure in leaves(error):
            screen.fail(one_line(failure))
        return max(exit_code(failure) for failure in leaves(error))


def _run_command(
    typed: Sequence[str], signals: StopSignals, screen: Terminal, out: Terminal
) -> int:
    command = parse(typed, version=_version())
    if command.is_listing_cameras:
        out.say(describe(list_cameras()))
        return DONE
    config = command.build(RunConfig, RunConfig())
    if command.is_printing:
        out.print(Text(_as_yaml(config)), end="", soft_wrap=True)
        return DONE
    if not config.sources:
        raise ConfigError(
            "--source", "expected a file, folder, glob, camera or address; see --help"
        )
    return _run(config, signals, screen, out)


def _run(config: RunConfig, signals: StopSignals, screen: Terminal, out: Terminal) -> int:
    """The run itself: objects, pipeline, summary."""
    inlets = open_inlets(config.sources, config.input)
    stream_ids = tuple(inlet.source.stream_id for inlet in inlets)
    is_live = all(inlet.overflow is Overflow.DROP_OLDEST for inlet in inlets)
    with _usage_errors():
        specs = [parse_sink(text) for text in config.sinks]
        output = config.output or new_folder(
            DEFAULT_OUTPUT, stream_ids[0], overwrite=config.overwrite or config.append
        )
        context = SinkContext(
            output,
            stream_ids,
            class_names=(),
            style=config.style,
            overwrite=config.overwrite,
            append=config.append,
            is_live=is_live,
            configs={name: getattr(config, name) for name in SINKS if hasattr(config, name)},
        )
        _check_outputs(specs, context, config)
    with Fetching(screen) as fetching:
        detector = _build_detector(_lowered(config), fetching.show)
    context = replace(context, class_names=detector.class_names)
    with _usage_errors():
        _check_names(config, detector.class_names, stream_ids)
        built = [sink for spec in specs for sink in build_sinks(spec, context)]
    keyboard = open_keyboard(screen)
    if keyboard is not None:
        album = AlbumSink(detector.class_names, output, config.style)
        built.append(BuiltSink(album, None, is_optional=True))
    sinks = [each.sink for each in built]
    names = [sink.name for sink in sinks]
    readout = Readout(
        screen,
        limit=config.limit,
        sink_names=names,
        gpu=_gpu(config.detector.device),
        has_keys=keyboard is not None,
    )
    run_id = secrets.token_hex(6) if config.append else ""  # no two runs in a file share an event
    pipeline = Pipeline(
        inlets,
        detector,
        [_outlet(each) for each in built],
        analyse=partial(_analytics, config, detector.class_names, run_id),
        limit=config.limit,
        is_fresh=is_live,
    )
    if config.style.note:
        screen.say(f"note: {config.style.note}")
    if config.detector.name == AUTO and config.detector.weights is None:
        screen.say(f"detector: {ADVICE}")
    try:
        with no_empty_folder(output), readout, keyboard or nullcontext():
            ticker = Ticker(sinks, readout, signals, screen, pipeline.stop, keyboard=keyboard)
            with _usage_errors():
                show_pages(sinks, screen)
            signals.defer()
            snapshot = pipeline.run(ticker, tick_s=ticker.tick_s)
    finally:
        written = store_beside(built, _as_yaml(config))
        _show_end(out, screen, pipeline.snapshot(), names, written)
    return _ending(snapshot, signals, screen)


def _check_outputs(specs: Sequence[SinkSpec], context: SinkContext, config: RunConfig) -> None:
    """Before any work: everything that will be written may be written."""
    if config.scene.heatmap is None and any(spec.name == "heatmap" for spec in specs):
        raise ConfigError("--sink heatmap", "needs scene.heatmap, as --set scene.heatmap={}")
    # Making the sinks of the table is free, so they are made once more when class names are known.
    known = [spec for spec in specs if spec.name in SINKS]
    sinks = [built for spec in known for built in build_sinks(spec, context)]
    append = config.append and len(known) == len(specs)  # what others can, they know themselves
    check_outputs(sinks, config.sources, overwrite=config.overwrite, append=append)


def _build_detector(
    config: DetectorConfig, on_progress: Callable[[str, int, int | None], None]
) -> Detector:
    if config.name not in (AUTO, *DETECTORS) and ":" not in config.name:
        known = suggestion(config.name, [AUTO, *DETECTORS, "package.module:Class"])
        raise ConfigError("--detector", f"unknown {config.name!r}{known}")
    try:
        return build_detector(config, on_progress=on_progress)
    except ValueError as error:  # a word that only the detector knows to be none
        raise ConfigError("", str(error)) from error


def _lowered(config: RunConfig) -> DetectorConfig:
    """The detector's settings, with the weak boxes that tracking and hiding want to see."""
    wanted = [config.detector.score_threshold]
    tracker = _tracker(config)
    if tracker is not None:
        wanted.append(tracker.least_score)
    if config.blur.classes:
        wanted.append(config.blur.min_score)
    return replace(config.detector, score_threshold=min(wanted))


def _gpu(device: str) -> GpuProbe | None:
    """What tells how busy the detector's GPU is; None without one."""
    if device == "cpu" or "torch" not in sys.modules:  # what no detector has loaded, none uses
        return None
    from torch import cuda

    number = int(device.partition(":")[2] or 0)
    return (
        open_gpu(f"GPU-{cuda.get_device_properties(number).uuid}") if cuda.is_available() else None
    )


def _tracker(config: RunConfig) -> TrackerConfig | None:
    try:
        return choose_tracker(config.tracking, config.scene)
    except ValueError as error:
        raise ConfigError("", str(error)) from error


def _check_names(config: RunConfig, class_names: Sequence[str], stream_ids: Sequence[str]) -> None:
    """Before any work: what is to be watched or hidden is there."""
    check_scene(config.scene, class_names, stream_ids)
    check_blur(config.blur, class_names, config.detector.classes)


def _analytics(
    config: RunConfig, class_names: Sequence[str], run_id: str, stream: StreamInfo
) -> list[Analytic[Detections]]:
    """What a stream's results pass through; what is to be hidden, first of all."""
    steps = build_analytics(
        stream,
        _tracker(config),
        config.scene,
        moves=config.tracking.camera == "shift",
        class_names=class_names,
        min_score=config.detector.score_threshold,
        run_id=run_id,
    )
    if not config.blur.classes:
        return steps
    shown = config.detector.score_threshold
    hidden = replace(config.blur, min_score=min(config.blur.min_score, shown))
    return [Blur(hidden, class_names), *(steps or [AtLeast(shown)])]


def _outlet(built: BuiltSink) -> Outlet[Detections]:
    only = None if built.stream_id is None else frozenset({built.stream_id})
    return Outlet(built.sink, only, is_optional=built.is_optional, overflow=built.overflow)


def _show_end(
    out: Terminal, screen: Terminal, snapshot: RunSnapshot, names: Sequence[str], files: list[Path]
) -> None:
    """The summary, unless there was never a frame to speak of."""
    show_end(screen, snapshot, names, files)
    if not screen.quiet and any(stream.frames_in for stream in snapshot.streams):
        show_summary(out, snapshot, sink_names=names, written=files)


def _ending(snapshot: RunSnapshot, signals: StopSignals, screen: Terminal) -> int:
    """Report the streams that failed, once each; gives back the exit code."""
    failed = [stream for stream in snapshot.streams if stream.state == "failed"]
    for stream in failed:
        screen.fail(str(stream.error))
    if signals.exit_code is not None:
        return signals.exit_code
    if len(failed) == len(snapshot.streams) and all(stream.info is None for stream in failed):
        return NO_SOURCE
    return STREAM_FAILED if failed else DONE


@contextmanager
def _usage_errors() -> Iterator[None]:
    """A part that refuses before any work was asked for in a wrong way."""
    try:
        yield
    except (SinkError, ValueError) as error:
        raise ConfigError("", str(error)) from error


def _as_yaml(config: RunConfig) -> str:
    """The configuration as a file for --config, without secrets."""
    return to_yaml(redact_tree(dump(config)))


def _version() -> str:
    try:
        return version("streamer")
    except PackageNotFoundError:
        return "unknown"


if __name__ == "__main__":
    if not sys.warnoptions and "--verbose" not in sys.argv:
        warnings.simplefilter("ignore")  # they are for developers, and none is ours
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where it is closed
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may be more than it can show
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    sys.exit(code)
