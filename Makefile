# SPDX-License-Identifier: Apache-2.0
# The short way to everything; meson does the work. Missing Debian packages are installed first
# (as root, or through sudo), which each target says.
.PHONY: all demo test test-cluster test-karpenter bench check fuzz install image chart clean
.DELETE_ON_ERROR:

RELEASE := build/release
SANITIZED := build/sanitized
THREADS := build/threads
VENV := build/venv
PYTHON := /usr/bin/python3
PREFIX ?= /usr/local
MESON_FLAGS ?=
VERSION := $(shell sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
IMAGE ?= carve.dev/carve:$(VERSION)

all: $(RELEASE)/build.ninja
	@echo "Building in $(RELEASE)"
	@ninja -C $(RELEASE) --quiet

# One configuration a folder; the packages come first, since meson looks for them.
$(RELEASE)/build.ninja:
	@tools/install-packages build
	@meson setup $(RELEASE) -Dtests=false -Dbuildtype=release -Db_ndebug=false --prefix=$(PREFIX) \
	    --strip $(MESON_FLAGS) >/dev/null || { cat $(RELEASE)/meson-logs/meson-log.txt; exit 1; }

$(SANITIZED)/build.ninja:
	@tools/install-packages build test
	@meson setup $(SANITIZED) -Db_sanitize=address,undefined -Db_lundef=false -Dman=false $(MESON_FLAGS) >/dev/null

$(THREADS)/build.ninja:
	@tools/install-packages build test
	@meson setup $(THREADS) -Db_sanitize=thread -Db_lundef=false -Dunit=false -Dman=false $(MESON_FLAGS) >/dev/null

# The programs that others wrote and that must be content with the emulated boards.
$(VENV)/ready: tests/requirements.txt
	@tools/install-packages test
	$(PYTHON) -m venv --system-site-packages $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

demo: all
	@$(RELEASE)/src/cli/carve demo

test: all $(SANITIZED)/build.ninja $(THREADS)/build.ninja $(VENV)/ready
	@tools/install-packages aarch64
	@echo "Building in $(SANITIZED) and $(THREADS), with sanitizers; this takes some minutes"
	@ninja -C $(SANITIZED) --quiet
	@ninja -C $(THREADS) --quiet
	@tools/run-tests --release $(RELEASE) --sanitized $(SANITIZED) --threads $(THREADS) \
	    --venv $(VENV) $(TESTS)

test-cluster: all
	@tools/install-packages build test cluster
	@tools/run-tests --release $(RELEASE) --cluster

test-karpenter: all $(VENV)/ready
	@tools/install-packages build test cluster karpenter
	@tools/run-tests --release $(RELEASE) --venv $(VENV) --karpenter

bench: all
	@tools/install-packages build test
	@bench/run --release $(RELEASE)
	@bench/lint --release $(RELEASE)

check: $(SANITIZED)/build.ninja
	@tools/install-packages build test check
	@tools/check

fuzz:
	@tools/install-packages build test check
	@tests/fuzz/run build/fuzz

install: all
	@meson install -C $(RELEASE) --no-rebuild

# An OCI image in a tar, for `skopeo copy oci-archive:build/carve-oci.tar docker://…`, `crane push`
# or `ctr images import`; needs neither a container engine nor a registry.
image: all
	@deploy/image --build $(RELEASE) --out build/carve-oci.tar --version $(VERSION) --name $(IMAGE)

chart:
	@mkdir -p build
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C deploy/chart -cf - carve | gzip -9n >build/carve-$(VERSION).tgz

clean:
	rm -rf build
