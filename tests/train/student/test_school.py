"""Teaching a student: it can be stopped and go on, alone or by two, and fails in one line."""

from __future__ import annotations

import multiprocessing
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from detector.checkpoint import read_checkpoint as read_weights
from detector.coco import COCO_CLASSES
from detector.fchardnet import FCHARDNET70, FCHarDNet
from detector.network import untrained
from detector.weights import SHIPPED
from tests.train.starter.lessons import exam, painted
from train.checkpoint import LAST, read_checkpoint, write_checkpoint
from train.command import Screen
from train.distributed import World, joined
from train.errors import CheckpointError, DivergedError
from train.starter.labels import write_labels
from train.student import prepare
from train.student.__main__ import BEST, main, resume, run, save
from train.student.batch import Batches
from train.student.config import StudentConfig
from train.student.school import RECIPE, School
from train.student.store import SIDE, About, about, open_store, say

ALONE = World()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four labelled pictures in a store."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "labels").mkdir()
    write_labels(folder / "labels", [painted(folder / f"{seed}.png", seed) for seed in range(4)])
    given = ["--labels", str(folder / "labels"), "--output", str(folder / "store")]
    assert prepare.main(given) == 0
    return folder


def _config(folder: Path, output: Path) -> StudentConfig:
    return StudentConfig(
        store=folder / "store",
        output=output,
        steps=3,
        batch=2,
        sides=(64, 96),
        precision="fp32",
        device="cpu",
    )


def _school(config: StudentConfig, world: World = ALONE) -> tuple[School, Batches]:
    store = open_store(config.store)
    school = School(config, world, sights=store.sights)
    return school, Batches(config, store, RECIPE, stride=school.student.stride)


def _run(config: StudentConfig, *, until: int | None = None, resumes: bool = False) -> School:
    school, batches = _school(config)
    if resumes:
        resume(school, config.output)
    run(school, batches, config, ALONE, Screen(quiet=True), until=until)
    return school


def test_store_holds_pictures_labels_and_maps(prepared: Path) -> None:
    store = open_store(prepared / "store")
    assert len(store) == 4
    assert about(prepared / "store") == About(4, 96, done=4)
    [label] = [each for each in store.labels() if each.path.name == "0.png"]
    row = store.names.index(str(label.path))
    x1, y1, x2, y2 = label.xyxy[0].round().astype(int)
    inside = store.pictures[row, y1 + 4 : y2 - 4, x1 + 4 : x2 - 4]
    assert inside.min() > 200  # the bright square, where its label says
    for kept, side in zip(store.maps, (40, 20, 10), strict=True):
        assert kept.shape == (4, 96, side, side)
        assert 10 < kept.std() < 40  # a deviation is 24 steps
    assert (store.xyxy <= SIDE).all()


def test_preparing_goes_on_where_it_was_stopped(prepared: Path) -> None:
    folder = prepared / "store"
    whole = [np.array(each) for each in (open_store(folder).pictures, *open_store(folder).maps)]
    store = open_store(folder, writes=True)
    store.pictures[1:] = 0
    for kept in store.maps:
        kept[1:] = 0
    say(folder, About(4, 96, done=1))
    given = ["--labels", str(prepared / "labels"), "--output", str(folder)]
    assert prepare.main(given) == 0
    again = open_store(folder)
    for one, other in zip(whole, (again.pictures, *again.maps), strict=True):
        # other pictures beside one in a batch move its last bits
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_stopped_teaching_goes_on_as_if_it_had_not_been(prepared: Path, tmp_path: Path) -> None:
    _run(_config(prepared, tmp_path / "whole"))
    _run(_config(prepared, tmp_path / "parts"), until=2)
    _run(_config(prepared, tmp_path / "parts"), resumes=True)
    whole, parts = (read_checkpoint(tmp_path / name / LAST) for name in ("whole", "parts"))
    assert whole["training"]["step"] == parts["training"]["step"] == 3
    for part in ("student", "eye"):
        for key, value in whole["training"][part].items():
            assert torch.equal(value, parts["training"][part][key]), key
    for key, value in whole["state_dict"].items():
        assert torch.equal(value, parts["state_dict"][key]), key
    network = untrained(lambda classes: FCHarDNet(FCHARDNET70, classes), 80)
    read_weights(tmp_path / "whole" / BEST).fill(network)


def test_it_learns_what_it_is_shown(prepared: Path, tmp_path: Path) -> None:
    """Every loss falls to well below its start on four pictures."""
    config = replace(
        _config(prepared, tmp_path / "out"), steps=60, batch=4, sides=(64,), warmup=0.05
    )
    school, batches = _school(config)
    losses = [school.learn(batches.at(step)).numpy() for step in range(config.steps)]
    first, last = np.mean(losses[:5], 0), np.mean(losses[-5:], 0)
    assert last[0] < 0.3 * first[0]  # heat; measured 0.1
    assert last[2] < 0.8 * first[2]  # sight


def test_two_processes_learn_the_same_thing(prepared: Path, tmp_path: Path) -> None:
    """Over gloo: both end with the same weights, which are not those of one alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = _config(prepared, tmp_path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_learn, args=(config, rank, port)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    one, two = (torch.load(tmp_path / f"{rank}.pth", weights_only=True) for rank in range(2))
    alone = _run(_config(prepared, tmp_path / "alone"), until=2).student.state_dict()
    learnt = [key for key in one if key.endswith("weight")]
    assert all(torch.equal(one[key], two[key]) for key in learnt)
    assert not any(torch.equal(one[key], alone[key]) for key in learnt if "hm" in key)


def _learn(config: StudentConfig, rank: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    world = World(rank, 2, rank)
    with joined(world, torch.device("cpu")):
        school, batches = _school(config, world)
        for step in range(2):
            school.learn(batches.at(step, rank=rank))
        torch.save(school.student.state_dict(), config.output / f"{rank}.pth")


def test_command_teaches_and_records_its_exam(prepared: Path, tmp_path: Path) -> None:
    settings = {
        "store": str(prepared / "store"),
        "output": str(tmp_path / "out"),
        "exam": exam(tmp_path, prepared),
        "steps": 9,
        "batch": 2,
        "sides": [64],
    }
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    assert main(["--config", str(tmp_path / "settings.yaml"), "--set", "steps=1"]) == 0
    head, _, row = (tmp_path / "trials.md").read_text("utf-8").splitlines()
    assert head == "| step | views | AP 64 | AP50 64 | person AP50 64 |"
    assert row.startswith("| 1 | 2 | ")


def test_teaching_is_not_begun_anew_over_another(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(prepared, tmp_path / "out")
    _run(config, until=1)
    before = (tmp_path / "out" / LAST).read_bytes()
    settings = {"store": str(config.store), "output": str(config.output), "steps": 2, "batch": 2}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    assert main(["--config", str(tmp_path / "settings.yaml")]) == 1
    assert "holds a training already; continue it with --resume" in capsys.readouterr().err
    assert (tmp_path / "out" / LAST).read_bytes() == before


def test_weights_that_are_no_numbers_are_not_saved(prepared: Path, tmp_path: Path) -> None:
    config = _config(prepared, tmp_path / "out")
    school = _run(config, until=1)
    torch.nn.init.constant_(next(school.student.parameters()), torch.nan)
    with pytest.raises(DivergedError, match="NaN or infinite after step 1"):
        save(school, config.output)
    assert read_checkpoint(config.output / LAST)["training"]["step"] == 1


def test_checkpoint_of_another_training_is_one_line(prepared: Path, tmp_path: Path) -> None:
    config = _config(prepared, tmp_path / "out")
    school = _run(config, until=1)
    content = read_checkpoint(config.output / LAST)
    del content["training"]["eye"]
    write_checkpoint(config.output / LAST, content)
    with pytest.raises(CheckpointError, match="of another training: 'eye'; choose"):
        resume(school, config.output)


def test_what_cannot_be_taught_is_one_line(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(**settings: object) -> str:
        wanted = {"store": str(prepared / "store"), "output": str(tmp_path / "out"), **settings}
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(wanted), "utf-8")
        assert main(["--config", str(tmp_path / "settings.yaml")]) > 0
        [line] = capsys.readouterr().err.strip().splitlines()
        return line

    assert "run python -m train.student.prepare" in told(store=str(tmp_path / "nowhere"))
    assert "multiples of 32" in told(sides=[100])
    assert "banana" in told(device="banana")
    assert "unexpected" not in told(device="banana")
    if not torch.cuda.is_available():
        assert "unexpected" not in told(device="cuda")
    (tmp_path / "store").mkdir()
    say(tmp_path / "store", About(4, 96, done=2))
    assert "expected 4 prepared pictures, got 2" in told(store=str(tmp_path / "store"))
    (tmp_path / "store" / "about.json").write_text("{}", "utf-8")
    assert "delete the folder" in told(store=str(tmp_path / "store"))


def test_shipped_student_is_small_and_knows_its_classes() -> None:
    shipped = SHIPPED["photos_fchardnet70"]
    assert shipped.path.stat().st_size < 10e6
    assert "Apache-2.0" in shipped.path.with_suffix(".md").read_text("utf-8")
    about = read_weights(shipped.path).about
    assert about is not None
    assert (about.architecture, about.class_names) == ("fchardnet70", COCO_CLASSES)
