# sluice: `make help` lists what can be made.
SHELL := /bin/bash
VERSION := $(shell sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -1)
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

LIBS := libnetfilter_queue libmnl libnftnl libldns openssl yaml-0.1 liburcu-qsbr libpsl libidn2 jansson libseccomp libcap-ng libpcap
FOLDERS := core policy dns tls http nft nfq ctl

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wundef
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
OPTIMIZE ?= -O2 -D_FORTIFY_SOURCE=3
ifdef SANITIZE
OPTIMIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDSANITIZE := -fsanitize=address,undefined
endif
ifdef CI
WARNINGS += -Werror
endif

CPPFLAGS += -I. -D_GNU_SOURCE -DSLUICE_VERSION='"$(or $(VERSION),0.0.0)"' $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
CFLAGS += -std=gnu17 -g $(OPTIMIZE) $(WARNINGS) $(HARDENING)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDSANITIZE)
LDLIBS += $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lpthread

SOURCES := $(sort $(foreach f,$(FOLDERS),$(wildcard $(f)/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/o/%.o)
LIBRARY := $(BUILD)/libsluice.a
UNIT := $(sort $(wildcard tests/unit/test_*.c))
UNITS := $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: all deps install demo check clean help unit
all: $(BUILD)/sluice

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make            build/sluice
$(BUILD)/sluice: $(BUILD)/o/ctl/main.o $(LIBRARY)
	$(CC) $(LDFLAGS) -o $@ $(BUILD)/o/ctl/main.o $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(filter-out $(BUILD)/o/ctl/main.o,$(OBJECTS))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/o/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

#: make unit       the unit tests alone
$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

unit: $(UNITS)
	@failed=0; for t in $(UNITS); do $$t || failed=1; done; exit $$failed

clean:
	rm -rf build build-*

-include $(OBJECTS:.o=.d)
