# The whole developer interface on one screen.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo check test test-gpu bench bench-gpu clean

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[cuda,desktop,display,gpu,mqtt,onnx,openvino,screen,web,yolox,train,dev]"
	touch $@

demo: setup
	$(BIN)/python run.py --config configs/demo.yaml --overwrite
	$(BIN)/python run.py --config configs/demo_photos.yaml --overwrite
	@echo "now look at runs/detect/synthetic/synthetic.mp4 and at the pictures in runs/detect/photos"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/python -m pytest

test-gpu: setup
	REQUIRE_GPU=1 $(BIN)/python -m pytest -m gpu

bench: setup
	$(BIN)/python -m benchmarks

bench-gpu: setup
	$(BIN)/python -m benchmarks.gpu benchmarks/results

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache
