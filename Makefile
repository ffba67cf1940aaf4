# Sysplex VIPA. `make` or `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Cluster tests mostly wait; each worker has a control plane of its own (about 450 MB).
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help setup test lint unit cluster chart image demo kind-demo kind chaos chaos-smoke chaos-random chaos-bounds rehearse-kind bench bench-detection bench-probes format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/.ready ## make .venv with vipa and the tools in it

.venv/.ready: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "needs Python 3.11 or newer: set PYTHON=..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

test: lint unit cluster ## all static checks and all tests, also on a real control plane
	@$(BIN)/coverage combine --quiet build/coverage/ && $(BIN)/coverage report --skip-covered --fail-under=90

lint: setup ## ruff, mypy, import-linter, and the checks of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python hack/house.py
	$(BIN)/python hack/docs_reference.py --check
	$(BIN)/python hack/chart --check
	$(BIN)/python hack/failure_model.py --check

# The random walk is derandomized, but for the order of sets, which is drawn at each start: a walk
# that fails must be the same walk again.
unit: setup ## tests that need no control plane
	@rm -rf build/coverage && mkdir -p build/coverage
	PYTHONHASHSEED=0 COVERAGE_FILE=build/coverage/.coverage.unit $(BIN)/pytest tests --ignore=tests/cluster --ignore=tests/hack --ignore=tests/chart --ignore=tests/chaos/live -n 2 --cov --cov-report=
	@COVERAGE_FILE=build/coverage/.coverage.unit $(BIN)/coverage report --include='operator/vipa/core/*' --show-missing --skip-covered --fail-under=100

# A test that fails beside three others on a machine that is shared, too, is tried again: one race
# among a thousand tests would else refuse what it has nothing to do with. Each rerun is named at the
# end with what failed, because it is a race all the same. Two owners, or an epoch that went wrong,
# are no race: what the history of a record cannot be (BrokenPromise) fails at once. Nor are twenty.
RERUNS := --reruns 2 --max-suite-reruns 20 --rerun-except BrokenPromise -rfER --rerun-show-tracebacks
cluster: setup ## tests on a real control plane and of the chart (builds it and helm once, about 16 minutes)
	@hack/controlplane binaries >/dev/null
	@hack/controlplane tools >/dev/null
	COVERAGE_FILE=build/coverage/.coverage.cluster $(BIN)/pytest tests/hack tests/cluster tests/chart -n $(WORKERS) --dist loadgroup $(RERUNS) --cov --cov-report=

chart: setup ## write what in charts/ is made from crds/ and values.yaml
	$(BIN)/python hack/chart

image: setup ## the operator's image and its SBOM, from package registries where no image registry is
	$(BIN)/python hack/image

demo: setup ## the product in a minute, on an embedded control plane (KEEP=1 leaves it running)
	@hack/controlplane binaries >/dev/null
	@$(BIN)/python hack/demo $(if $(KEEP),--keep)

kind-demo: setup ## the same with real kubelets: cluster, image, chart, a node killed under traffic
	@$(BIN)/python hack/demo/kind.py

# A cluster with operator and traffic on its nodes; what is there already is left as it is.
kind: setup ## a cluster of four nodes in two zones, with the operator's image on them
	@hack/kind up >/dev/null && $(BIN)/python hack/image && hack/kind traffic >/dev/null
	@hack/kind load sysplex-vipa:$$($(BIN)/python -c 'import vipa; print(vipa.__version__)')

chaos: kind ## every class of fault in kind, judged by a checker of its own (5 minutes)
	$(BIN)/pytest tests/chaos/live

chaos-smoke: kind ## one fault of each kind
	$(BIN)/python -m tests.chaos.live.campaign --smoke

SEED ?= 1
FAULTS ?= 100
chaos-random: kind ## FAULTS=100 faults in the order of SEED=1
	$(BIN)/python -m tests.chaos.live.campaign --random $(FAULTS) --seed $(SEED)

# Without a monitor, with at most three nodes: what every engine can run.
EVERYWHERE := $(addprefix tests/rehearsals/,tc01-simple-takeover.yaml tc02-second-failure.yaml \
  tc03-double-failure-at-once.yaml tc04-no-backup-left.yaml tc05-tie-in-rank.yaml \
  tc06-rank-change-at-run-time.yaml tc07-higher-rank-arrives-later.yaml tc09-different-chains.yaml \
  tc13-primary-arrives-after-activation.yaml tc14-takeback-immediate.yaml tc72-scope.yaml \
  tc73-static.yaml takeback-manual.yaml move-once.yaml)
rehearse-kind: kind ## a dozen rehearsals in all three engines, also on real kubelets
	$(BIN)/vipa rehearse -q --no-skips $(EVERYWHERE)
	hack/controlplane up everywhere >/dev/null && hack/controlplane install everywhere >/dev/null
	$(BIN)/vipa rehearse -q --no-skips -e cluster --kubeconfig build/controlplane/everywhere/kubeconfig $(EVERYWHERE); \
	  code=$$?; hack/controlplane down everywhere; exit $$code
	hack/kind rehearsals >/dev/null && eval "$$(hack/kind env)" && $(BIN)/vipa rehearse -e kind --no-skips $(EVERYWHERE)

chaos-bounds: kind ## measure for docs/failure-model.md, for hours; goes on where it was ended (FAULT=...)
	$(BIN)/python -m tests.chaos.live.bounds $(FAULT)

bench: setup ## time of a takeover beside the floor and stock Kubernetes
	@hack/controlplane binaries >/dev/null
	$(BIN)/python hack/bench/takeover.py

bench-detection: setup ## time from a silent node or a lost leader to the next owner
	@hack/controlplane binaries >/dev/null
	$(BIN)/python hack/bench/detection.py

bench-probes: setup ## what it costs to ask 5,000 stacks
	$(BIN)/python hack/bench/probes.py

format: setup ## let ruff format and fix
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## end leftover control planes, remove build/ and .venv/
	@for d in build/controlplane/*/; do [ -d "$$d" ] && hack/controlplane down "$$(basename $$d)"; done; true
	@[ ! -d build/kind ] || hack/kind down --all
	rm -rf build .venv
