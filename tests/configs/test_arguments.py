"""What is typed reaches its place in the configuration, or one line says why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from configs.arguments import parse
from configs.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Detector:
    name: str = "hardnet85"
    score_threshold: float = 0.3
    classes: tuple[str, ...] = ()
    imgsz: str | None = None
    flip_test: bool = False
    batch: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(f"score_threshold: expected 0..1, got {self.score_threshold!r}")


@dataclass(frozen=True, slots=True)
class Settings:
    sources: tuple[str, ...] = ()
    detector: Detector = field(default_factory=Detector)
    sinks: tuple[str, ...] = ("file",)
    output: Path | None = None
    limit: int | None = None
    overwrite: bool = False


def build(*arguments: str) -> Settings:
    return parse(arguments, version="1").build(Settings, Settings())


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        pytest.param([], Settings(), id="nothing"),
        pytest.param(
            ["--source", "a.mp4", "--source", "b*.jpg"],
            Settings(sources=("a.mp4", "b*.jpg")),
            id="sources",
        ),
        pytest.param(["--conf", "1"], Settings(detector=Detector(score_threshold=1)), id="conf"),
        pytest.param(
            ["--classes", "traffic light, car,"],
            Settings(detector=Detector(classes=("traffic light", "car"))),
            id="classes",
        ),
        pytest.param(["--imgsz", "512"], Settings(detector=Detector(imgsz="512")), id="imgsz"),
        pytest.param(["--flip-test"], Settings(detector=Detector(flip_test=True)), id="switch"),
        pytest.param(["--sink", "null"], Settings(sinks=("null",)), id="sinks replace"),
        pytest.param(["--limit", "5"], Settings(limit=5), id="limit"),
        pytest.param(
            ["--set", "detector.imgsz=416", "--set", "limit=5"],
            Settings(detector=Detector(imgsz="416"), limit=5),
            id="set",
        ),
    ],
)
def test_an_argument_reaches_its_place(arguments: list[str], settings: Settings) -> None:
    assert build(*arguments) == settings


def test_arguments_stand_over_the_file_and_set_over_both(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("limit: 1\noverwrite: true\ndetector: {batch: 1, score_threshold: 0.1}\n")
    settings = build(
        *["--config", str(path), "--limit", "2", "--conf", "0.2", "--no-overwrite"],
        *["--set", "detector.score_threshold=0.9", "--set", "detector.score_threshold=0.7"],
    )
    assert settings == Settings(limit=2, detector=Detector(batch=1, score_threshold=0.7))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--sorce", "a"], "--sorce: unknown argument; did you mean '--source'?", id="misspelt"
        ),
        pytest.param(["a.mp4"], "a.mp4: unknown argument; see --help", id="no option"),
        pytest.param(["--source"], "--source: expected one argument; see --help", id="no value"),
        pytest.param(["--output", ""], "--output: expected a value, got nothing", id="empty"),
        pytest.param(["--source", " "], "--source: expected a value, got nothing", id="blank"),
        pytest.param(["--limit", ""], "--limit: expected a value, got nothing", id="no limit"),
        pytest.param(["--limit", "010"], "--limit: expected an int, got '010'", id="octal"),
        pytest.param(["--limit", "1:30"], "--limit: expected an int, got '1:30'", id="base 60"),
        pytest.param(["--conf", ".nan"], "--conf: expected a finite number, got nan", id="nan"),
        pytest.param(["--conf", "high"], "--conf: expected a number, got 'high'", id="no number"),
        pytest.param(["--conf", "1.5"], "--conf: expected 0..1, got 1.5", id="out of range"),
        pytest.param(["--limit", "{"], "--limit: not YAML", id="not even YAML"),
        pytest.param(
            ["--set", "detector.score_treshold=1"],
            "detector.score_treshold: unknown key; did you mean 'score_threshold'?",
            id="set misspelt",
        ),
        pytest.param(["--set", "limit"], "--set: expected key=value", id="set without value"),
        pytest.param(["--config", "gone.yaml"], "gone.yaml: cannot read it", id="no file"),
        pytest.param(["--sou", "a"], "--sou: unknown argument", id="no abbreviations"),
    ],
)
def test_a_wrong_argument_is_named_as_it_was_typed(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(*arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_end_well(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([option], version="1.2.3")
    assert caught.value.code == 0
    assert "run.py" in capsys.readouterr().out
