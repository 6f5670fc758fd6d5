"""What only a GPU can show: the network and the detector agree with the CPU's."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.backends import cudnn

from detector.centernet import CenterNet
from detector.config import DetectorConfig, Precision
from detector.cuda_device import CudaDevice
from detector.cuda_executor import CudaExecutor, CudaOptions, prepare_network
from detector.detections import Detections
from detector.device import choose_compute
from detector.fold import fold_batch_norm
from detector.fuse import fuse_relu
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.lanes import Work
from detector.network import bare, untrained
from detector.padding import picture_channels
from detector.program import Program, place_network, write_pictures
from detector.recipe import RECIPES
from streamer.stats import StageTimes
from tests.detector import oracle
from tests.detector.tiny import RECIPE, tiny_network

pytestmark = pytest.mark.gpu


def test_float32_heads_agree_with_the_cpu(oracle_state: Mapping[str, Tensor]) -> None:
    recipe = RECIPES["hardnet85"]
    network = bare(recipe.network, len(recipe.class_names))
    network.load_state_dict(oracle_state, assign=True)
    stream = torch.Generator().manual_seed(1)
    pictures = torch.randn(2, 3, 256, 320, generator=stream)
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
        expected = network.eval()(pictures)
        found = network.cuda()(pictures.cuda())
    for ours, theirs in zip(found, expected, strict=True):
        tolerance = max(oracle.BOX_TOLERANCE, oracle.ROUNDING * float(theirs.std()))
        torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("precision", "score_tolerance"),
    [
        pytest.param("fp32", 1e-5, id="fp32"),
        pytest.param("fp16", 1e-3, id="fp16: 11 bits of a logit near -2.2"),
        pytest.param("bf16", 1e-2, id="bf16: 8 bits"),
    ],
)
@pytest.mark.parametrize("flip_test", [False, True], ids=["plain", "flip"])
def test_scores_agree_with_the_cpu(
    precision: Precision, score_tolerance: float, *, flip_test: bool
) -> None:
    expected = _find("cpu", "fp32", flip_test=flip_test)
    found = _find("cuda", precision, flip_test=flip_test)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.score, theirs.score, rtol=0, atol=score_tolerance)


def test_boxes_in_float32_are_the_cpu_s() -> None:
    for ours, theirs in zip(_find("cuda", "fp32"), _find("cpu", "fp32"), strict=True):
        distance = np.abs(ours.xyxy[:, None] - theirs.xyxy[None]).max(axis=2)
        assert distance.min(axis=1).max() < oracle.PIXEL_TOLERANCE


def test_two_batches_in_flight_come_back_apart() -> None:
    with _detector(tiny_network(), "cuda", "fp32") as detector:
        frames = [oracle.frame_of(pixels) for pixels in _pictures()]
        assert detector.depth >= 2
        first, second = detector.submit(frames[:2]), detector.submit(frames[2:])
        overlapped = [*detector.collect(first), *detector.collect(second)]
        alone = [detector.collect(detector.submit([frame]))[0] for frame in frames]
    for ours, theirs in zip(overlapped, alone, strict=True):
        np.testing.assert_allclose(ours.score, theirs.score, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_graphs_of_every_batch_size_agree_with_the_network_itself(precision: Precision) -> None:
    """Padded, in one call, recorded: against the same precision without any of it."""
    compute = choose_compute("cuda", precision)
    geometry = parse_imgsz("64x48")  # every other pixel: nothing is between two levels
    frames = [oracle.frame_of(pixels) for pixels in _pictures(11)]
    places = [geometry.place(frame.width, frame.height) for frame in frames]
    network = tiny_network().eval()
    fold_batch_norm(network)
    lookup = RECIPE.normalisation()
    executor = CudaExecutor(
        Program(network, lookup, flip_test=False, top_k=20), compute, StageTimes()
    )
    plain = tiny_network().eval()
    fold_batch_norm(plain)
    place_network(plain, compute)
    program = Program(plain, lookup, flip_test=False, top_k=20)
    tolerance = {"fp32": 1e-5, "fp16": 1e-3, "bf16": 1e-2}[precision]
    for count in (1, 2, 3, 5, 11):
        pending = [executor.submit(frames[:count], places[:count]) for _ in range(4)]
        host = np.empty((count, 48, 64, 3), np.float32)
        write_pictures(frames[:count], places[:count], lookup, host)
        with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
            heads = program.heads(torch.from_numpy(host).cuda(), compute.dtype)
            expected = program.peaks(heads).cpu().numpy()
        for each in pending:  # the first records, the others replay
            found = each.wait()
            np.testing.assert_allclose(found[..., 4], expected[..., 4], rtol=0, atol=tolerance)


def test_one_call_for_convolution_bias_and_relu_is_exact_enough() -> None:
    stream = torch.Generator().manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(24, 40, 3, padding=1), nn.ReLU())
    x = torch.randn(2, 24, 48, 64, generator=stream)
    expected = layers(x)
    layers.cuda().half()
    layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    assert fuse_relu(layers) == 1
    x = x.cuda().half().contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        found = layers(x).float().cpu()
    torch.testing.assert_close(found, expected.detach(), rtol=2e-3, atol=4e-3)


def test_a_recording_keeps_the_memory_it_works_on() -> None:
    device = CudaDevice(torch.device("cuda", 0))
    lane, done = device.lane("test"), device.mark()

    def recorded() -> tuple[Work, weakref.ref[Tensor]]:
        numbers = device.memory(4, dtype=torch.float32)
        return lane.recorded(lambda: numbers.add_(1)), weakref.ref(numbers)

    replay, memory = recorded()
    numbers = memory()
    assert numbers is not None
    before = numbers.clone()
    lane.run(replay, after=(), done=done)
    done.wait()
    assert torch.equal(numbers, before + 1)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_what_lay_in_memory_before_does_not_matter(precision: Precision) -> None:
    """cuDNN's one call adds its own output, not yet written, times nothing: NaN would stay."""
    compute = choose_compute("cuda", precision)
    network = tiny_network().eval()
    fold_batch_norm(network)
    prepare_network(network, compute, CudaOptions())
    shape = (4, picture_channels(network), 256, 256)
    pictures = torch.randn(shape, device=compute.device, dtype=compute.dtype)
    pictures = pictures.to(memory_format=torch.channels_last)
    torch.cuda.empty_cache()
    # What is let go of is given out again; pieces up to a megabyte have a pool of their own.
    large = torch.full((2**26,), torch.nan, device=compute.device)
    small = [torch.full((2**17,), torch.nan, device=compute.device) for _ in range(256)]
    del large, small
    with torch.inference_mode():
        heads = network(pictures)
    assert all(bool(torch.isfinite(head).all()) for head in heads)


def test_too_little_memory_halves_the_batch_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The allocator's own limit, set where 8 should fit and 16 may not; either way it goes on."""
    geometry = parse_imgsz("512")
    network = untrained(RECIPES["hardnet68"].network, 80).eval()
    fold_batch_norm(network)
    lookup = RECIPES["hardnet68"].normalisation()
    program = Program(network, lookup, flip_test=False, top_k=100)
    frames = [oracle.frame_of(pixels) for pixels in _pictures(16)]
    places = [geometry.place(frame.width, frame.height) for frame in frames]
    compute = choose_compute("cuda", "fp32")
    executor = CudaExecutor(program, compute, StageTimes(), CudaOptions(limit=16))
    small = executor.submit(frames[:1], places[:1]).wait()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(compute.device).total_memory
    allowed = torch.cuda.memory_reserved() + 1_500_000_000  # 16 in float32 want about twice that
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    try:
        with caplog.at_level("WARNING"):
            rows = executor.submit(frames, places).wait()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert sum("going on with 8" in record.getMessage() for record in caplog.records) <= 1
    assert rows.shape == (16, 100, 6)
    np.testing.assert_allclose(rows[0, :, 4], small[0, :, 4], rtol=0, atol=1e-4)


def test_the_detector_measures_its_batch() -> None:
    config = DetectorConfig(score_threshold=0, top_k=20)
    compute = choose_compute("cuda", "fp16")
    geometry = parse_imgsz("64")
    with CenterNetDetector(tiny_network(), RECIPE, geometry, compute, config) as detector:
        assert detector.max_batch in (2, 4, 8, 16, 32)  # it gains by batches, however cold it was
        assert not detector.times.snapshot()


def _pictures(count: int = 4) -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    random = np.random.default_rng(4)
    return [random.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(count)]


def _detector(
    network: CenterNet, device: str, precision: Precision, *, flip_test: bool = False
) -> CenterNetDetector:
    config = DetectorConfig(
        score_threshold=0, flip_test=flip_test, batch=4, top_k=20, runtime="torch"
    )
    compute = choose_compute(device, precision)
    return CenterNetDetector(network, RECIPE, parse_imgsz("native"), compute, config)


def _find(device: str, precision: Precision, *, flip_test: bool = False) -> list[Detections]:
    with _detector(tiny_network(), device, precision, flip_test=flip_test) as detector:
        return detector.collect(detector.submit([oracle.frame_of(p) for p in _pictures()]))
