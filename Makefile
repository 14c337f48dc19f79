# heddle: `make help` lists the targets. `make V=1` shows the commands whole.
CC ?= gcc
CLANG ?= clang
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif

# Builds on all cores, and says a word and a file for each command.
ifeq ($(filter -j% --jobs%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
say = $(if $(V),,@echo '  $(1) $@';)

ROOMS := base trace value loop sync worker io host
SOURCES := $(sort $(wildcard $(ROOMS:%=src/%/*.c)))
LIBRARY := $(sort $(shell find lua/heddle -name '*.lua' -o -path '*/page/*.*' 2>/dev/null))
SCRIPTS := $(sort $(shell find scripts -name '*.lua' 2>/dev/null))

# Targets that need no libraries leave build/config.mk, and with it the installation of packages, alone.
ifneq ($(filter-out help clean uninstall deps format subjects,$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

WARNINGS := -Wall -Wextra -Wpedantic -Werror
CFLAGS_ALL := -std=gnu11 $(WARNINGS) -D_GNU_SOURCE -Isrc -pthread $(LIB_CFLAGS) $(CFLAGS)
LDFLAGS_ALL := -Wl,-E -Wl,-z,now -pthread $(LDFLAGS)
LIBS := $(LUA_LIBS) $(UV_LIBS) -ldl -lm -lrt

# Flavours: the same sources under other flags; objects in build/obj/FLAVOUR.
FLAVOURS := release debug asan tsan stress bare
EXE_release := build/heddle
EXE_debug   := build/debug/heddle
EXE_asan    := build/asan/heddle
EXE_tsan    := build/tsan/heddle
EXE_stress  := build/stress/heddle
EXE_bare    := build/bare/heddle
FLAGS_release := -O2 -g
FLAGS_debug   := -O0 -g
FLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DHEDDLE_TSAN
FLAGS_stress  := -O1 -g -DHEDDLE_STRESS
FLAGS_bare    := -O2 -g -DHEDDLE_NO_RECORDER

.PHONY: all debug asan tsan stress bare
.DELETE_ON_ERROR:
.SUFFIXES:

all: build/heddle  ## the executable, build/heddle (the default)
debug: build/debug/heddle  ## without optimisation: build/debug/heddle
asan: build/asan/heddle  ## under AddressSanitizer and UBSan: build/asan/heddle
tsan: build/tsan/heddle  ## under ThreadSanitizer: build/tsan/heddle
stress: build/stress/heddle  ## what is rare made frequent: build/stress/heddle
bare: build/bare/heddle  ## without the recorder's hooks, to measure what they cost: build/bare/heddle

EXTRA_tsan := build/obj/tsan/longjmp.o
EXTRA_asan := build/obj/asan/fork.o
LINK_asan  := -static-libasan -static-libubsan

define flavour_rules
$(EXE_$(1)): $(SOURCES:src/%.c=build/obj/$(1)/%.o) build/obj/$(1)/embedded.o $(EXTRA_$(1))
	@mkdir -p $$(@D)
	$$(call say,link)$$(CC) $$(FLAGS_$(1)) $$(LINK_$(1)) $$(LDFLAGS_ALL) -o $$@ $$^ $$(LIBS)

build/obj/$(1)/%.o: src/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(call say,cc)$$(CC) $$(FLAGS_$(1)) $$(CFLAGS_ALL) -MMD -MP -c -o $$@ $$<

build/obj/$(1)/embedded.o: build/embedded.c src/host/embedded.h
	@mkdir -p $$(@D)
	$$(call say,cc)$$(CC) -std=gnu11 $$(WARNINGS) -Isrc -c -o $$@ $$<
endef
$(foreach flavour,$(FLAVOURS),$(eval $(call flavour_rules,$(flavour))))
-include $(wildcard build/obj/*/*/*.d)

build/obj/asan/fork.o: tools/asan_fork.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -O1 -std=gnu11 $(WARNINGS) -c -o $@ $<

build/obj/tsan/longjmp.o: tools/tsan_longjmp.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -O1 -std=gnu11 -U_FORTIFY_SOURCE $(WARNINGS) -c -o $@ $<

# The embedded Lua; the list of files is part of what it depends on, so that a removed one leaves it too.
build/embedded.c: build/embed build/embedded.list $(LIBRARY) $(SCRIPTS)
	$(call say,embed)build/embed lua scripts $(LIBRARY) $(SCRIPTS) >$@

build/embedded.list: FORCE
	@mkdir -p build
	@echo '$(LIBRARY) $(SCRIPTS)' | cmp -s - $@ || echo '$(LIBRARY) $(SCRIPTS)' >$@

build/embed: tools/embed.c build/config.mk
	$(call say,cc)$(CC) -O1 $(CFLAGS_ALL) -o $@ $< $(LUA_LIBS) -ldl -lm

build/config.mk: tools/configure.sh tools/deps.sh
	@mkdir -p build
	@tools/deps.sh build
	@CC='$(CC)' tools/configure.sh >$@

.PHONY: FORCE
FORCE:

# Gates. `make test` runs them all (tools/test.sh); each is a target of its own too.
SPECS := $(filter-out spec/chaos_spec.lua spec/readme_spec.lua,$(sort $(wildcard spec/*_spec.lua)))
# Scenarios are Lua on top of what the other specs hold; the checking builds run a sample of them.
ENGINE_SPECS := $(filter-out spec/runner_spec.lua $(filter-out %_sync_spec.lua,$(wildcard spec/scenarios_*spec.lua)),$(SPECS))
# Modules in Lua alone need no stress build. The demo's jobs take minutes there. Of no use under
# ThreadSanitizer, beside those: what is about signals (they come late there), what only the stress
# build can do, hand-overs from thread to thread through a process, which it does not see (matrix).
spec_files = $(patsubst %,spec/%_spec.lua,$(1))
LUA_ALONE := compare comparison docs explain jobqueue mix percentiles reference report report_html rng trace_svg \
  service_mix timeline tools
STRESS_SPECS := $(filter-out $(call spec_files,cli service $(LUA_ALONE)),$(ENGINE_SPECS))
TSAN_SPECS := $(filter-out $(call spec_files,cli service end steps% deaths loop repl% help pretty matrix \
  memory scenarios_sync $(LUA_ALONE)),$(ENGINE_SPECS))
CHECKS := format lua rooms sizes gcc clang
CFLAGS_LINT := $(CFLAGS_ALL)
export CFLAGS_LINT SPECS ENGINE_SPECS STRESS_SPECS TSAN_SPECS CHECKS CC CLANG

.PHONY: demo test lint $(CHECKS:%=lint-%) format scenarios reference subjects spec chaos fuzzer fuzz bench
demo: deps-build build/heddle  ## the demo service under all four models
	build/heddle demo

test: deps-test  ## every gate; the last line is `N passed, N failed`
	@tools/test.sh

lint: $(CHECKS:%=lint-%)  ## formatting, warnings, includes between rooms
$(CHECKS:%=lint-%): lint-%: build/config.mk
	@tools/lint.sh $*

format:  ## writes the C files as clang-format wants them; FILES=src/...
	clang-format -i $(or $(FILES),$(wildcard src/*/*.[ch] tools/*.[ch] bench/*.[ch]))

scenarios: build/heddle  ## writes docs/SCENARIOS.md from the scripts
	build/heddle tools/scenarios.lua >docs/SCENARIOS.md

reference: build/heddle  ## docs/reference and help(x) from the doc comments
	build/heddle tools/reference.lua

subjects:  ## the subject lines of the last commits
	@tools/lint.sh subjects

spec: build/heddle  ## the specs alone; ONLY=pattern, FILES=spec/...
	build/heddle spec/run.lua $(ONLY:%=--only='%') $(or $(FILES),$(SPECS))

chaos: build/heddle  ## 1,000 random kills, 1,000 forks of a busy process, 1,000 storms; SEED=N
	build/heddle chaos/run.lua --kills=1000 --forks=1000 --storms=1000 $(SEED:%=--seed=%)

FUZZED := $(wildcard src/base/*.c src/value/*.c) tools/fuzz_codec.c
fuzzer: build/fuzz/codec
fuzz: deps-test build/fuzz/codec  ## damaged messages for the codec; SECONDS=20
	mkdir -p build/fuzz/corpus
	FUZZ_SEEDS=build/fuzz/corpus build/fuzz/codec
	@build/fuzz/codec -max_total_time=$(or $(SECONDS),20) -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
	  -artifact_prefix=build/fuzz/ -verbosity=0 -print_final_stats=1 build/fuzz/corpus \
	  >build/fuzz/log 2>&1 || { cat build/fuzz/log; exit 1; }
	@grep -a stat::number build/fuzz/log

build/fuzz/codec: $(FUZZED) $(wildcard src/base/*.h src/value/*.h) build/config.mk
	@mkdir -p $(@D)
	$(call say,link)$(CLANG) -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $(CFLAGS_ALL) \
	  -o $@ $(FUZZED) $(LUA_LIBS) -ldl -lm

bench: build/heddle build/bare/heddle deps-bench  ## ours against the peers, as ratios; ARGS=--quick
	bench/run $(ARGS)

# Installation.
BIN := $(DESTDIR)$(PREFIX)/bin
SHARE := $(DESTDIR)$(PREFIX)/share/doc/heddle
FOLDERS := $(sort $(dir $(SCRIPTS)))
MAN := $(DESTDIR)$(PREFIX)/share/man
# The library with its LuaCATS types, for editors; the executable has its own inside.
TYPES := $(DESTDIR)$(PREFIX)/share/heddle/library/heddle
# What `require "heddle"`, `require "heddle.queue"` … find in a plain lua5.4: one sentence.
STOCK := $(DESTDIR)$(PREFIX)/share/lua/5.4
MODULES := $(filter-out README heddle handle future,$(basename $(notdir $(wildcard docs/reference/*.md))))
COMPLETIONS := bash-completion/completions zsh/site-functions fish/vendor_completions.d
.PHONY: install uninstall clean help deps deps-build deps-test deps-bench
install: build/heddle  ## into PREFIX (/usr/local), below DESTDIR
	install -d '$(BIN)' '$(SHARE)'
	install -m 755 build/heddle '$(BIN)/heddle'
	install -m 644 README.md CHANGELOG.md CONTRIBUTING.md LICENSE '$(SHARE)'
	install -d '$(SHARE)/docs/reference' $(FOLDERS:%='$(SHARE)/%')
	install -m 644 docs/*.md docs/*.svg '$(SHARE)/docs'
	install -m 644 docs/reference/*.md '$(SHARE)/docs/reference'
	@for folder in $(FOLDERS); do install -m 644 $$folder*.lua '$(SHARE)'/$$folder; done
	install -d '$(MAN)/man1' '$(MAN)/man3' '$(MAN)/man7' '$(TYPES)' $(COMPLETIONS:%='$(DESTDIR)$(PREFIX)/share/%')
	install -m 644 man/heddle.1 '$(MAN)/man1'
	install -m 644 man/heddle-lua.3 '$(MAN)/man3'
	install -m 644 man/heddle-models.7 '$(MAN)/man7'
	install -m 644 lua/heddle/*.lua '$(TYPES)'
	install -d '$(STOCK)/heddle' && install -m 644 tools/stock_lua.lua '$(STOCK)/heddle.lua'
	@for module in $(MODULES); do install -m 644 tools/stock_lua.lua '$(STOCK)'/heddle/$$module.lua; done
	build/heddle completion bash >'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/heddle'
	build/heddle completion zsh >'$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_heddle'
	build/heddle completion fish >'$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/heddle.fish'

uninstall:  ## takes away what install put there
	rm -f '$(BIN)/heddle'
	rm -rf '$(SHARE)' '$(DESTDIR)$(PREFIX)/share/heddle' '$(STOCK)/heddle'
	rm -f '$(STOCK)/heddle.lua'
	rm -f '$(MAN)/man1/heddle.1' '$(MAN)/man3/heddle-lua.3' '$(MAN)/man7/heddle-models.7'
	rm -f '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/heddle'
	rm -f '$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_heddle'
	rm -f '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/heddle.fish'
	-@cd '$(DESTDIR)$(PREFIX)/share' 2>/dev/null && rmdir -p --ignore-fail-on-non-empty $(COMPLETIONS) lua/5.4 \
	  man/man1 man/man3 man/man7 doc 2>/dev/null; true

clean:  ## removes build/
	rm -rf build

deps:  ## installs the Debian packages that are missing
	@tools/deps.sh build test bench

deps-build deps-test deps-bench: deps-%:
	@tools/deps.sh build $(filter-out build,$*)

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
