"""What the documents name is there: files, modules, and options of run.py."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from configs.arguments import parse
from tests.paths import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
MODULE = re.compile(r"python -m ([a-z_.]+)")
RUN = re.compile(r"^(?:    )?python run\.py (.*?)(?:  +#.*)?$", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_modules_are_there(document: Path) -> None:
    text = document.read_text()

    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    missing += [name for name in MODULE.findall(text) if find_spec(name.rstrip(".")) is None]

    assert not missing


def test_commands_of_the_readme_are_understood() -> None:
    commands = RUN.findall((ROOT / "README.md").read_text())

    assert len(commands) > 5
    for command in commands:
        if command != "--help":
            parse(shlex.split(command), version="")
