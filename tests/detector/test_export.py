from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from detector.agreement import boxes_that_differ
from detector.command import run_command
from detector.errors import DetectorError
from detector.export import check_file, main
from detector.onnx_graph import PICTURES, Graph, GraphForm, InputForm, write_onnx
from tests.detector.tiny import RECIPE, tiny_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("top_k", [None, 7])
@pytest.mark.parametrize("pictures", ["nhwc", "nchw", "pixels"])
def test_file_computes_what_torch_does_for_any_batch_and_size(
    tmp_path: Path, pictures: InputForm, top_k: int | None
) -> None:
    form = GraphForm(pictures, RECIPE.normalisation() if pictures == "pixels" else None, top_k)
    network = tiny_network().eval()
    write_onnx(network, form, tmp_path / "tiny.onnx")
    check_file(tmp_path / "tiny.onnx", network, form)
    session = onnxruntime.InferenceSession(tmp_path / "tiny.onnx")
    for batch, height, width in ((1, 32, 32), (4, 64, 96)):
        example = form.example(batch, height, width)
        found = session.run(None, {PICTURES: example.numpy()})
        with torch.no_grad():
            expected = Graph(network, form).eval()(example)
        assert [each.shape for each in found] == [tuple(each.shape) for each in expected]
        if top_k is None:
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-4)
        else:
            assert not sum(map(boxes_that_differ, found[0], expected[0].numpy()))


def test_pixels_are_normalised_as_the_table_says() -> None:
    """All 256 values, in a network that gives back what it gets."""
    form = GraphForm("pixels", RECIPE.normalisation())
    values = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).repeat(1, 1, 1, 3)
    graph = Graph(tiny_network(), form)
    normalised = values.float() * graph.scale + graph.shift
    expected = RECIPE.normalisation().reshape(1, 16, 16, 3)
    np.testing.assert_allclose(normalised, expected, atol=1e-6)


def test_fixed_size_and_batch_are_in_the_file(tmp_path: Path) -> None:
    form = GraphForm("nchw", batch=2, size=(64, 96))
    write_onnx(tiny_network().eval(), form, tmp_path / "tiny.onnx", metadata={"stride": "4"})
    (given,) = onnxruntime.InferenceSession(tmp_path / "tiny.onnx").get_inputs()
    assert given.shape == [2, 3, 64, 96]
    (entry,) = onnx.load(tmp_path / "tiny.onnx").metadata_props
    assert (entry.key, entry.value) == ("stride", "4")


def test_file_of_another_network_fails_the_check(tmp_path: Path) -> None:
    write_onnx(tiny_network(seed=1).eval(), GraphForm(), tmp_path / "tiny.onnx")
    with pytest.raises(DetectorError, match=r"expected heads within 0\.002 of torch, got"):
        check_file(tmp_path / "tiny.onnx", tiny_network(seed=0).eval(), GraphForm())


def test_command_writes_a_file_with_its_class_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "starter.onnx"
    arguments = ["--detector", "starter", "--imgsz", "128", "--decode", "--pixels"]
    assert main([*arguments, "--out", str(target)]) == 0
    assert capsys.readouterr().out == (
        f"wrote {target}: the same boxes as torch, within 0.05 px and 0.001 of score\n"
    )
    metadata = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert metadata["class_names"].startswith("person\nbicycle\ncar\n")
    assert metadata["stride"] == "8"
    assert [path.name for path in tmp_path.iterdir()] == ["starter.onnx"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["--detector", "none"], 5, "no network of ours", id="no network"),
        pytest.param(["--weights", "gone.pth"], 5, "weights 'gone.pth'", id="no weights"),
        pytest.param(
            ["--detector", "starter", "--imgsz", "native"], 2, "use --any-size", id="native"
        ),
        pytest.param(["--batch", "0"], 2, "--batch: expected at least 1, got 0", id="no batch"),
        pytest.param(
            ["--imgsz", "100"], 2, "expected sides that are multiples of 32", id="odd size"
        ),
        pytest.param(["--out", "absent/a.onnx"], 2, "--out: expected a folder", id="no folder"),
        pytest.param(["--out", "a.txt"], 2, "--out: expected a name ending in .onnx", id="suffix"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["--out", str(tmp_path / "out.onnx"), *arguments]) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_is_a_word_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    assert run_command(body) == 130
    assert capsys.readouterr().err == "stopped\n"
