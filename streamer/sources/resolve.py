"""Whether a host name resolves, asked in a way that can be stopped."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import threading

from streamer.clock import Clock, MonotonicClock

# The C library's resolver may wait many seconds for a name server that does not answer, deaf to
# FFmpeg's interrupt callback and to Python; a process can be killed.
ASK = "import socket, sys; socket.getaddrinfo(sys.argv[1], None)"
TRUST_NS = 60_000_000_000  # 60 s: a camera that is down is not asked about at every retry


class Resolver:
    """Asks for one stream's host; remembers a yes for a minute.

    Args:
        clock: for the minute.
        ask: the program that exits with 0 if its argument resolves.
    """

    def __init__(self, *, clock: Clock | None = None, ask: str = ASK) -> None:
        self._ask = ask
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False
        self._trusted_until_ns: int | None = None

    def stop(self) -> None:
        """End the question at hand and refuse later ones; any thread."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def resolves(self, host: str, *, timeout_s: float) -> bool:
        """The name has an address; an address always has. Waits at most `timeout_s`."""
        if _is_address(host) or self._is_trusted():
            return True
        process = self._start(host)
        if process is None:
            return False
        try:
            process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        with self._lock:
            self._process = None
        if process.returncode == 0:
            self._trusted_until_ns = self._clock.now_ns() + TRUST_NS
        return process.returncode == 0

    def _start(self, host: str) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_stopped:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", self._ask, host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
            return self._process

    def _is_trusted(self) -> bool:
        until_ns = self._trusted_until_ns
        return until_ns is not None and self._clock.now_ns() < until_ns


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
