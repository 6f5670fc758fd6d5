"""What `--help` says of run.py: true defaults, on a terminal of 80 columns."""

from __future__ import annotations

import re

import pytest

import run
from configs.arguments import _OPTIONS
from configs.loader import dump

STATED = re.compile(r"\(default: ([^)]+)\)")
IN_WORDS = {  # what the code takes where the configuration says None, or nothing
    "those that come with the detector": None,
    "the detector's": None,
    "all": [],
    "runs/detect/<name>": None,
    "file": ["file"],
}


def test_stated_defaults_are_those_of_a_run() -> None:
    for name, option in _OPTIONS.items():
        stated = STATED.search(option.text)
        if stated is None:
            continue
        value: object = dump(run.RunConfig())
        for key in option.place.split("."):
            assert isinstance(value, dict)
            value = value[key]
        assert IN_WORDS.get(stated[1], stated[1]) in (value, str(value)), name


def test_help_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        run.main(["--help"])
    assert ended.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
