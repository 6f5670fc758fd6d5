"""The process that holds a connection to a streaming server; its own, so that it can be killed.

FFmpeg writes to the network without a time limit where PyAV opens it, so a peer that stops reading
would hold the run for ever. Run as a script: the first line of its input is the address, the
second FFmpeg's name of the format, the rest an FLV that is passed on. The address comes that way
because the arguments of a process can be seen by everyone. It says READY once the peer has agreed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

import av

GIVES_UP = 3  # exit code: trying again is of no use
READY = b"\n"  # on stdout
LOST = 1  # exit code: the peer is away or has left


def push(source: BinaryIO) -> int:
    """Pass on what comes from `source` until it ends; the reason of a failure goes to stderr."""
    url = source.readline().decode().strip()
    muxer = source.readline().decode().strip()
    options = {"rtsp_transport": "tcp"} if muxer == "rtsp" else {}
    options["flush_packets"] = "1"
    try:
        # nothing to find out about it: the header says all, and waiting costs latency
        probing = {"analyzeduration": "0", "probesize": "32", "fflags": "nobuffer"}
        with (
            av.open(source, "r", format="flv", options=probing) as incoming,
            av.open(url, "w", format=muxer, options=options) as outgoing,
        ):
            video = incoming.streams.video[0]
            track = outgoing.add_stream_from_template(video)
            outgoing.start_encoding()
            os.write(sys.stdout.fileno(), READY)
            for packet in incoming.demux(video):
                if packet.size:
                    packet.stream = track
                    outgoing.mux(packet)
    except av.ProtocolNotFoundError:
        sys.stderr.write("this FFmpeg cannot speak the protocol")
        return GIVES_UP
    except (av.FFmpegError, OSError, ValueError) as error:
        sys.stderr.write((getattr(error, "strerror", None) or str(error)).lower())
        return LOST
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    sys.exit(push(sys.stdin.buffer))
