"""The kernel without a GPU: interpreted it computes what the host does, and it compiles."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from detector import preprocess_torch
from detector.device import Compute

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _needs_triton() -> None:
    pytest.importorskip("triton", reason="needs triton: install the extra cuda (Linux, x86_64)")


def test_interpreted_kernel_is_within_one_level_of_the_host(tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.detector.interpret_preprocess"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    largest, share = done.stdout.split()
    assert int(largest) <= 1
    assert float(share) < 0.03  # the letterbox: the host's resize has 11 bits a weight


def test_kernel_compiles_for_hopper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from detector import preprocess_triton

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    signature = {
        "staged_ptr": "*u8",
        "words_ptr": "*i32",
        "floats_ptr": "*fp32",
        "lookup_ptr": "*fp32",
        "out_ptr": "*fp16",
        "pixels": "i32",
        "width": "i32",
        "channels": "i32",
        "block": "constexpr",
    }
    source = ASTSource(
        fn=preprocess_triton._kernel, signature=signature, constexprs={"block": 256}, attrs={}
    )
    compiled = compile(source, target=GPUTarget("cuda", 90, 32))
    assert compiled.asm["cubin"]
    # The rounding by adding and taking away is still there: nothing has been simplified.
    assert "0f4B400000" in compiled.asm["ptx"]
    assert "0fCB400000" in compiled.asm["ptx"]


def test_where_triton_cannot_build_the_kernel_torch_prepares_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It takes nothing in the host's memory, whether or not there is a GPU."""
    from detector.cuda_executor import choose_preprocess

    compute = Compute(torch.device("cpu"), torch.float32)
    with caplog.at_level(logging.WARNING):
        assert choose_preprocess(compute, 3) is preprocess_torch.preprocess
    (record,) = caplog.records
    assert record.getMessage().startswith("triton does not work here (")
    assert "\n" not in record.getMessage()
