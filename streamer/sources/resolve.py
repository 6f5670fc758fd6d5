"""Whether a host name resolves, asked in a way that can be stopped."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence

from streamer.clock import Clock, MonotonicClock

# The C library's resolver may wait many seconds for a name server that does not answer, deaf to
# FFmpeg's interrupt callback and to Python; a process can be killed.
ASK = "import socket, sys; socket.getaddrinfo(sys.argv[1], None)"
PYTHON = (sys.executable, "-I", "-S", "-c", ASK)
TRUST_NS = 60_000_000_000  # 60 s: a camera that is down is not asked about at every retry
# A no is asked about less and less: a hundred dead names at four tries a second are more questions
# than name servers answer, and more processes than two cores start (load 10, measured).
DENY_NS, DENY_MOST_NS = 500_000_000, 30_000_000_000


class Resolver:
    """Asks for one stream's host; remembers a yes for a minute, and a no for ever longer.

    Args:
        clock: for what is remembered.
        ask: a command that exits with 0 if the name behind it resolves; None for the system's.
    """

    def __init__(self, *, clock: Clock | None = None, ask: Sequence[str] | None = None) -> None:
        self._ask = tuple(ask or _system_ask())
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False
        self._trusted_until_ns: int | None = None
        self._denied_until_ns: int | None = None
        self._deny_ns = DENY_NS

    def stop(self) -> None:
        """End the question at hand and refuse later ones; any thread."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def resolves(self, host: str, *, timeout_s: float) -> bool:
        """The name has an address; an address always has. Waits at most `timeout_s`."""
        if _is_address(host) or self._is_before(self._trusted_until_ns):
            return True
        if self._is_before(self._denied_until_ns):
            return False
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
        return self._remember(is_known=process.returncode == 0)

    def _start(self, host: str) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_stopped:
                return None
            self._process = subprocess.Popen(
                [*self._ask, host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
            return self._process

    def _remember(self, *, is_known: bool) -> bool:
        now_ns = self._clock.now_ns()
        if is_known:
            self._trusted_until_ns, self._deny_ns = now_ns + TRUST_NS, DENY_NS
        else:
            self._denied_until_ns = now_ns + self._deny_ns
            self._deny_ns = min(2 * self._deny_ns, DENY_MOST_NS)
        return is_known

    def _is_before(self, until_ns: int | None) -> bool:
        return until_ns is not None and self._clock.now_ns() < until_ns


def _system_ask() -> Sequence[str]:
    """The C library's own program where it is there: Python takes 20 times as long to start."""
    getent = shutil.which("getent")
    return PYTHON if getent is None else (getent, "ahosts", "--")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
