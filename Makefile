# heddle: `make help` lists the targets.
CC ?= gcc
CLANG ?= clang
PREFIX ?= /usr/local
ifeq ($(origin CC),default)
CC := gcc
endif

ROOMS := base trace value loop sync worker host
SOURCES := $(sort $(wildcard $(ROOMS:%=src/%/*.c)))
LIBRARY := $(sort $(shell find lua/heddle -name '*.lua' 2>/dev/null))
SCRIPTS := $(sort $(shell find scripts -name '*.lua' 2>/dev/null))

# Targets that need no libraries leave build/config.mk, and with it the installation of packages, alone.
ifneq ($(filter-out help clean uninstall deps,$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

WARNINGS := -Wall -Wextra -Wpedantic -Werror
CFLAGS_ALL := -std=gnu11 $(WARNINGS) -D_GNU_SOURCE -Isrc -pthread $(LIB_CFLAGS) $(CFLAGS)
LDFLAGS_ALL := -Wl,-E -Wl,-z,now -pthread $(LDFLAGS)
LIBS := $(LUA_LIBS) $(UV_LIBS) -ldl -lm -lrt

# Flavours: the same sources under other flags; objects in build/obj/FLAVOUR.
FLAVOURS := release debug asan tsan stress
EXE_release := build/heddle
EXE_debug   := build/debug/heddle
EXE_asan    := build/asan/heddle
EXE_tsan    := build/tsan/heddle
EXE_stress  := build/stress/heddle
FLAGS_release := -O2 -g
FLAGS_debug   := -O0 -g
FLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DHEDDLE_TSAN
FLAGS_stress  := -O1 -g -DHEDDLE_STRESS

.PHONY: all debug asan tsan stress clean
.DELETE_ON_ERROR:
.SUFFIXES:

all: build/heddle  ## the executable, build/heddle (default)
debug: build/debug/heddle  ## without optimisation, with assertions
asan: build/asan/heddle  ## under AddressSanitizer and UBSan
tsan: build/tsan/heddle  ## under ThreadSanitizer
stress: build/stress/heddle  ## rare things made frequent

define flavour_rules
$(EXE_$(1)): $(SOURCES:src/%.c=build/obj/$(1)/%.o) build/obj/$(1)/embedded.o
	@mkdir -p $$(@D)
	$$(CC) $$(FLAGS_$(1)) $$(LDFLAGS_ALL) -o $$@ $$^ $$(LIBS)

build/obj/$(1)/%.o: src/%.c build/config.mk
	@mkdir -p $$(@D)
	$$(CC) $$(FLAGS_$(1)) $$(CFLAGS_ALL) -MMD -MP -c -o $$@ $$<

build/obj/$(1)/embedded.o: build/embedded.c src/host/embedded.h
	@mkdir -p $$(@D)
	$$(CC) -std=gnu11 $$(WARNINGS) -Isrc -c -o $$@ $$<
endef
$(foreach flavour,$(FLAVOURS),$(eval $(call flavour_rules,$(flavour))))
-include $(wildcard build/obj/*/*/*.d)

# The embedded Lua; the list of files is part of what it depends on, so that a removed one leaves it too.
build/embedded.c: build/embed build/embedded.list $(LIBRARY) $(SCRIPTS)
	build/embed lua scripts $(LIBRARY) $(SCRIPTS) >$@

build/embedded.list: FORCE
	@mkdir -p build
	@echo '$(LIBRARY) $(SCRIPTS)' | cmp -s - $@ || echo '$(LIBRARY) $(SCRIPTS)' >$@

build/embed: tools/embed.c build/config.mk
	$(CC) -O1 $(CFLAGS_ALL) -o $@ $< $(LUA_LIBS) -ldl -lm

build/config.mk: tools/configure.sh tools/deps.sh
	@mkdir -p build
	@tools/deps.sh build
	@CC='$(CC)' tools/configure.sh >$@

.PHONY: FORCE
FORCE:

clean:  ## removes build/
	rm -rf build
