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

LIBS := libnetfilter_queue libmnl libnftnl ldns openssl yaml-0.1 liburcu-qsbr libpsl libidn2 jansson libseccomp libcap-ng libpcap
FOLDERS := core policy dns tls http nft nfq ctl

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wundef
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
OPTIMIZE ?= -O2 -D_FORTIFY_SOURCE=3
ifdef SANITIZE
OPTIMIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDSANITIZE := -fsanitize=address,undefined
endif
ifdef FUZZING
CC := clang
OPTIMIZE := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LDSANITIZE := -fsanitize=fuzzer,address,undefined
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

FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(FUZZ:tests/fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_SECONDS ?= 30

BUILD_DEPS := build-essential pkg-config libnetfilter-queue-dev libmnl-dev libnftnl-dev libldns-dev libssl-dev libyaml-dev \
	liburcu-dev libpsl-dev libidn2-dev libjansson-dev libseccomp-dev libcap-ng-dev libpcap-dev publicsuffix ca-certificates \
	python3-minimal libpython3-stdlib
BED_DEPS := dnsmasq-base bind9-dnsutils tcpdump iproute2 iputils-ping openssl curl jq procps kmod util-linux
# What the browser below is linked with.
BROWSER_DEPS := libasound2 libatk1.0-0 libatspi2.0-0 libdav1d6 libdbus-1-3 libdouble-conversion3 libexpat1 libflac12 libfontconfig1 libfreetype6 libgbm1 libglib2.0-0 libharfbuzz-subset0 libharfbuzz0b libjpeg62-turbo liblcms2-2 \
	libminizip1 libnspr4 libnss3 libopenh264-7 libopenjp2-7 libopus0 libpulse0 libudev1 libx11-6 libxcb1 libxcomposite1 libxdamage1 libxext6 libxfixes3 libxi6 libxkbcommon0 libxnvctrl0 libxrandr2 libzstd1
CHECK_DEPS := $(BED_DEPS) libcmocka-dev clang clang-tidy clang-format libclang-rt-14-dev libknot-dev libgnutls28-dev libhttp-parser-dev libhtp-dev zlib1g-dev \
	$(BROWSER_DEPS) nftables conntrack socat shellcheck qemu-system-x86 qemu-system-common busybox-static cpio systemd git openssh-client libwrap0 wget man-db mandoc

# Unpacked below BUILD/tools, with the libraries that they bring: installed they would start daemons or change the machine.
TOOL_DEPS := nginx systemd-resolved slirp4netns tinyproxy-bin ngtcp2-client ngtcp2-server libngtcp2-9 libngtcp2-crypto-gnutls2 libnghttp3-3 libev4 \
	chromium-headless-shell chromium-common hping3 libtcl8.6 ptunnel-ng python3-scapy iodine dns2tcp nghttp2-client openssh-server zsh zsh-common fish fish-common \
	libpcre2-32-0 bash-completion docker.io containerd runc iptables libip6tc2 podman conmon netavark aardvark-dns libgpgme11 libassuan0 libsubid4 uidmap rootlesskit

# A line a file; V=1 shows the commands.
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $@ && )

# The benchmark: what its bed and its rivals need.  Those that would start a daemon are unpacked.
BENCH_DEPS := $(BED_DEPS) nftables conntrack
BENCH_TOOLS :=
# With what they depend on, where that is not installed.
RIVAL_DEPS := squid-openssl mitmproxy sslsplit sniproxy haproxy unbound opensnitch iptables

.PHONY: all deps check-deps demo-deps bench-deps bench bench-programs man completion install uninstall demo check check-fresh clean help unit units fuzz fuzzers tidy format format-check
all: $(BUILD)/sluice

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make            build/sluice
$(BUILD)/sluice: $(BUILD)/o/ctl/main.o $(LIBRARY)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $(BUILD)/o/ctl/main.o $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(filter-out $(BUILD)/o/ctl/main.o,$(OBJECTS))
	$(call say,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/o/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

#: make unit       the unit tests alone (UNIT=tests/unit/test_x.c: one of them)
$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

units: $(UNITS)
unit: $(UNITS)
	@failed=0; for t in $(UNITS); do $$t || failed=1; done; exit $$failed

#: make fuzz       every fuzz target for FUZZ_SECONDS (30)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-missing-prototypes -MMD -MP $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

$(BUILD)/fuzz/fuzz_dns_oracle: LDLIBS += -lknot
$(BUILD)/fuzz/fuzz_hello_oracle: LDLIBS += -lgnutls
$(BUILD)/fuzz/fuzz_http_oracle: LDLIBS += -lhttp_parser -lhtp
fuzzers: $(FUZZERS)
fuzz:
	$(MAKE) BUILD=$(BUILD)-fuzz FUZZING=1 fuzzers
	@for f in $(FUZZ:tests/fuzz/%.c=%); do tests/fuzz-one $(BUILD)-fuzz/fuzz/$$f $(FUZZ_SECONDS) || exit 1; done

#: make deps       install what the build needs (apt-get)
deps:
	@.ci/install $(BUILD_DEPS)
demo-deps: deps
	@.ci/install $(BED_DEPS) npm\|nodejs && .ci/install --unpack $(BUILD)/tools nginx
check-deps: deps
	@.ci/install $(CHECK_DEPS) && .ci/install --unpack $(BUILD)/tools $(TOOL_DEPS) && tests/vm/kernel

#: make demo       a poisoned package against the gate, in a small internet made of namespaces
demo: demo-deps
	@$(MAKE) --no-print-directory all && SLUICE=$(BUILD)/sluice tests/demo/run

#: make check      everything: unit, replay, namespace and machine tests, also under ASan and UBSan; smoke fuzzing
check: check-deps
	@$(MAKE) --no-print-directory all units bench-programs && $(MAKE) --no-print-directory BUILD=$(BUILD)-san SANITIZE=1 all units && \
	    $(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz FUZZING=1 fuzzers && BUILD=$(BUILD) tests/run

#: make bench      what it costs, beside others, measured here: tests/bench/README.md (BENCH_ROWS=regex: only those rows)
BENCH_PROGRAMS := $(patsubst tests/bench/load/%.c,$(BUILD)/bench/%,$(filter-out %/common.c %/web_exchange.c,$(wildcard tests/bench/load/*.c))) $(BUILD)/bench/bare
bench-deps: deps
	@.ci/install $(BENCH_DEPS) $(if $(BENCH_TOOLS),&& .ci/install --unpack $(BUILD)/tools $(BENCH_TOOLS)) && \
	    { .ci/install --unpack-with $(BUILD)/tools $(RIVAL_DEPS) || echo "bench: not all of the rivals can be had: the report says which" >&2; }
bench: bench-deps
	@$(MAKE) --no-print-directory all bench-programs && BUILD=$(BUILD) tests/bench/run $(BENCH_ROWS)
bench-programs: $(BENCH_PROGRAMS)
$(BUILD)/bench/bare: tests/bench/bare/bare.c $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)
$(BUILD)/bench/web_load: tests/bench/load/web_exchange.c
$(BUILD)/bench/%: tests/bench/load/%.c tests/bench/load/common.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $^ $(LDLIBS)

#: make check-fresh  demo and check as a new user has them: in a Debian 12 made by debootstrap
check-fresh:
	@.ci/install debootstrap && tests/debootstrap.sh

#: make tidy       clang-tidy;  make format, format-check: clang-format
tidy:
	@.ci/install clang-tidy && printf '%s\n' $(SOURCES) | xargs -P $$(nproc) -I{} clang-tidy --quiet {} -- $(CPPFLAGS) -std=gnu17 2> /dev/null
format format-check:
	@clang-format $(if $(filter format,$@),-i,--dry-run --Werror) $(wildcard $(addsuffix /*.[ch],$(FOLDERS)) tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*/*.[ch])

#: make man        man pages into BUILD/man;  make completion: for bash, zsh and fish, into BUILD/completion
man: $(BUILD)/man/sluice.8
$(BUILD)/man/sluice.8: $(BUILD)/sluice $(wildcard deploy/man/*) docs/policy.md
	$(call say,MAN)deploy/man/generate $(BUILD)/sluice $(BUILD)/man
completion: $(BUILD)/completion/sluice
$(BUILD)/completion/sluice: $(BUILD)/sluice deploy/completion/generate
	$(call say,COMP)deploy/completion/generate $(BUILD)/sluice $(BUILD)/completion

#: make install    to DESTDIR and PREFIX (/usr/local): program, man pages, completions, units, documents;  make uninstall
install: all man completion
	@set -o pipefail; deploy/files $(BUILD) $(PREFIX) | while read -r mode from to; do \
	    install -D -m $$mode $$from "$(DESTDIR)$$to" && $(if $(V),echo "$$to",:) || exit 1; done
uninstall: all man completion
	@set -o pipefail; deploy/files $(BUILD) $(PREFIX) | while read -r mode from to; do rm -f "$(DESTDIR)$$to" || exit 1; done
	@[ ! -d "$(DESTDIR)$(PREFIX)/share/doc/sluice" ] || find "$(DESTDIR)$(PREFIX)/share/doc/sluice" -depth -type d -empty -delete

clean:
	rm -rf build build-*

-include $(OBJECTS:.o=.d) $(UNITS:=.d) $(FUZZERS:=.d) $(BENCH_PROGRAMS:=.d)
