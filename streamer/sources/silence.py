"""FFmpeg's own messages go nowhere: what fails is said once, by us, without passwords."""

from __future__ import annotations


def silence_ffmpeg() -> None:
    """For the whole process, and by no level: PyAV hands errors to Python at every level.

    A decoder's thread then waits for the interpreter's lock to report what was cut short, while
    whoever closes the decoder holds that lock and waits for the thread: for good.
    """
    import av  # late: importing PyAV and OpenCV together warns on macOS, and costs start-up

    av.logging.set_level(None)
