# The daily commands. Each does its own set-up; see scripts/ for what they do.
.PHONY: help run test check format bench

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: ## build, then run gateway and sandbox together (DATA_DIR=…, ARGS="--listen …")
	@scripts/run.sh $(ARGS)

test: ## all tests
	@scripts/test.sh

check: ## format, lints, documentation comments, layers
	@scripts/check.sh

format: ## write the sources the way `check` wants them
	cargo fmt --all

bench: ## measure this machine (minutes; ARGS="--preset full": about an hour; ARGS=--help)
	@scripts/bench.sh $(ARGS)
