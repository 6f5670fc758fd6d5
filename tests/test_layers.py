"""Who may import whom, and who may print: the house's rules, held by a machine."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("streamer", "detector", "analytics", "sinks", "configs", "train", "benchmarks")
LIGHT = ("streamer", "analytics", "sinks", "configs")
TALKING = {"benchmarks"}  # their output is what they print
ROOT_ONLY = {("os", "environ"), ("os", "getenv"), ("os", "putenv")}

LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"]
LINT.append("--no-cache")

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def walk(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def walk_library(path: Path) -> Iterator[ast.AST]:
    """All but what runs only when the file is the program: that is a root of its own."""
    if path.name == "__main__.py":
        return
    for top in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        if not (isinstance(top, ast.If) and "__main__" in ast.unparse(top.test)):
            yield from ast.walk(top)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in walk(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(LINT, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_forbidden_import_would_be_seen(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "streamer" / "wrong.py").write_text("import sinks\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    done = subprocess.run(LINT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 broken" in done.stdout


def test_nobody_imports_the_composition_root_or_the_tests() -> None:
    wrong = {name_of(path): imported(path) & {"run", "tests"} for path in MODULES}
    assert not {name: found for name, found in wrong.items() if found}


def test_only_the_composition_root_prints() -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        if name_of(path).partition(".")[0] not in TALKING
        for node in walk(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "input"}
    ]
    assert not wrong


def test_only_the_composition_root_reads_the_environment() -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        if name_of(path).partition(".")[0] not in TALKING
        for node in walk_library(path)
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in ROOT_ONLY
        )
        or (
            isinstance(node, ast.ImportFrom)
            and any((node.module, alias.name) in ROOT_ONLY for alias in node.names)
        )
    ]
    assert not wrong


def test_files_stay_below_the_wall() -> None:
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), ROOT / "run.py"]
    }
    assert not {name: length for name, length in lengths.items() if length > 400}


@pytest.mark.parametrize("package", LIGHT)
def test_the_light_packages_import_without_torch(package: str) -> None:
    names = [name_of(path) for path in MODULES if name_of(path).partition(".")[0] == package]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"torch was imported, or: {done.stderr}"


def test_help_comes_without_torch() -> None:
    code = (
        "import sys, run\n"
        "assert run.main(['--print-config']) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
