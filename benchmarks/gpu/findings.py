"""gpu.json: what was found, on what machine, when and of which commit; kept from call to call."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

NAME = "gpu.json"
_SAME = ("gpu", "torch", "network", "side", "is_quick")  # where these differ nothing compares

Json = dict[str, Any]  # as the file has it


def read(folder: Path) -> Json:
    """What its file says; nothing where there is none."""
    path = folder / NAME
    if not path.exists():
        return {}
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


class Findings:
    """The file, written anew after every part of a step.

    Steps that are not measured again keep what they found in earlier calls. Where those were made
    on another GPU, or with another network, their file is first put aside under another name.

    Args:
        folder: of the file; made where it is missing.
        machine: what the results belong to; None for whoever adds to what is there.
    """

    def __init__(self, folder: Path, machine: Mapping[str, object] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self.all = read(folder)
        self.all.setdefault("runs", {})
        if machine is None:
            return
        before = self.all.setdefault("machine", dict(machine))
        if any(before.get(key) != machine.get(key) for key in _SAME):
            aside = (folder / f"gpu_earlier_{number}.json" for number in count(1))
            self.path.rename(next(path for path in aside if not path.exists()))
            self.all = {"machine": dict(machine), "runs": {}}

    def save(self, step: str, part: object) -> None:
        """What a step has found so far; one that was left out hides no earlier finding."""
        is_left_out = isinstance(part, Mapping) and set(part) == {"skipped"}
        if not (is_left_out and step in self.all):
            self.all[step] = part
        self._write()

    def failed(self, step: str, why: str) -> None:
        """It did not come to its end; what it had saved stays."""
        self.all[f"{step} failed"] = why
        self._write()

    def ended(self, step: str, seconds: float, about: Mapping[str, object]) -> None:
        """It was measured: how long that took, when, and of which commit.

        Args:
            step: its name.
            seconds: that it took.
            about: this run, beyond what all runs of the file have in common.
        """
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        self.all["runs"][step] = {"date": today, "seconds": round(seconds, 1), **about}
        self._write()

    def begin(self, step: str) -> None:
        """It is measured now: an earlier failure is forgotten."""
        self.all.pop(f"{step} failed", None)

    def _write(self) -> None:
        whole = self.path.with_suffix(".partial")
        whole.write_text(json.dumps(self.all, indent=1) + "\n", encoding="utf-8")
        whole.replace(self.path)  # whoever is stopped here leaves the old one or the new one
