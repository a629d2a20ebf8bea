# Two commands are enough: `make demo` and `make test`. Both build $(VENV) when it is missing or older than its recipe.
#   PYTHON=python3.12   the interpreter a new environment is made of
#   VENV=PATH           an environment of your own; a PyTorch 2.6 or newer in it is left alone
# `make bench` measures speed; `make results` trains for hours and writes the tables of four studies in RESULTS.md.
#   DATA=FOLDER         where AV-Digits lies; it is downloaded if not given
# `make docs` builds the site of this version below build/docs/html; `make links` asks for its external links.
#   EXECUTE=off         without running the tutorials
# `make pretrained` trains the runs that a release offers by name into build/pretrained; DATA as above.
# `make release VERSION=0.2.0` sets the version everywhere.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.colliculus

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: demo test check sanitize bench mutants results docs links pretrained release clean
.DELETE_ON_ERROR:

# One thread a process. These networks are small, and where something else wants a core too, a second thread costs far more
# (spinning at every operation) than it ever gains.
demo test: export OMP_NUM_THREADS ?= 1

demo: $(STAMP)
	@$(BIN)/python examples/demo.py

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports

# The C code with checks of every address and of undefined behaviour. The copy of the package that holds it is thrown away;
# leaks are not looked for, because Python has some of its own.
KERNELS := src/colliculus/neurons/kernels
sanitize: $(STAMP)
	@rm -rf build/sanitize && mkdir -p build/sanitize && cp -r src tests pyproject.toml build/sanitize
	@cd build/sanitize && rm -f $(KERNELS)/_native* && $(CC) -shared -fPIC -O1 -g -ffp-contract=off -pthread \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	$(KERNELS)/block.c $(KERNELS)/gather.c -lm -o $(KERNELS)/_native$$($(abspath $(BIN))/python -c \
	'from importlib.machinery import EXTENSION_SUFFIXES; print(EXTENSION_SUFFIXES[0])')
	@cd build/sanitize && LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 OMP_NUM_THREADS=1 PYTHONPATH=src $(abspath $(BIN))/python -m pytest -q --capture=no --timeout 600 \
	tests/layers/test_gather.py tests/layers/test_norm_spike.py tests/neurons/kernels/test_kernels.py
	@rm -rf build/sanitize

bench: $(STAMP)
	@set -e; for name in neuron gather step augment prepare; do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done

mutants: $(STAMP)
	@$(BIN)/python benchmarks/mutants.py

results: $(STAMP)
	@set -e; for name in methods balance silent_start; do \
	$(BIN)/python benchmarks/$$name.py --into RESULTS.md $(if $(DATA),--data-root $(DATA)); done
	@$(BIN)/python benchmarks/controlled.py --into RESULTS.md

docs: $(STAMP)-docs
	@$(BIN)/python docs/site/build.py --execute $(or $(EXECUTE),cache)

links: $(STAMP)-docs
	@$(BIN)/python docs/site/build.py --links

pretrained: $(STAMP)
	@$(BIN)/python .ci/pretrained.py $(DATA)

release:
	@$(PYTHON) .ci/release.py $(VERSION)

clean:
	rm -rf $(VENV) build src/*.egg-info src/colliculus/neurons/kernels/_native* .*_cache .hypothesis

# --- the environment -------------------------------------------------------------------------------------------------

# On Linux the default build of PyTorch brings gigabytes of CUDA. Without a GPU the CPU build is asked for first where pip
# looks anyway, then on PyTorch's own index; where neither has it (macOS, offline mirrors) the default build must do.
TORCH := $(shell sed -n 's/^torch==//p' constraints-cpu.txt)
HAS_TORCH = $(BIN)/python -c 'from importlib.metadata import version as v; import sys; \
	sys.exit((2, 6) > tuple(map(int, v("torch").split(".")[:2])))' 2>/dev/null
HAS_GPU = nvidia-smi -L >/dev/null 2>&1
GET_TORCH = $(BIN)/pip install -q --no-deps

# The C sources are here because installing compiles them, where there is a compiler.
$(STAMP): pyproject.toml constraints-cpu.txt $(wildcard src/colliculus/neurons/kernels/*.[ch])
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Colliculus needs Python 3.11 or newer, and \
	$(PYTHON) is " + sys.version.split()[0] + ": name another one, for example make PYTHON=python3.12")'
	@test -x $(BIN)/pip || { echo "making $(VENV) (a few minutes, once)"; $(PYTHON) -m venv $(VENV); }
	@$(HAS_TORCH) || $(HAS_GPU) \
	|| $(GET_TORCH) torch==$(TORCH)+cpu 2>/dev/null \
	|| $(GET_TORCH) torch==$(TORCH)+cpu --retries 0 --timeout 15 \
	    --extra-index-url https://download.pytorch.org/whl/cpu 2>/dev/null \
	|| $(GET_TORCH) -c constraints-cpu.txt torch
	@$(BIN)/pip install -q -e '.[dev]'
	@! $(BIN)/python -c 'import torchvision' 2>/dev/null \
	|| { echo "torchvision got into $(VENV), where it may replace PyTorch: run $(BIN)/pip uninstall torchvision"; exit 1; }
	@touch $@

# The tools of the site take about 90 MB, so only those who build it get them.
$(STAMP)-docs: $(STAMP)
	@$(BIN)/pip install -q -e '.[docs]'
	@touch $@
