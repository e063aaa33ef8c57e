# Usage: make [all|deps|run|stop|check|lint|tsan|soak|bench|fuzz|install|clean] [SAN=1] [CC=clang]
#
# Everything is built below $(BUILD).  SAN=1 builds with ASan and UBSan into a
# folder of its own, SAN=thread with TSan.  `make help` lists the targets.
CC       ?= gcc
SAN      ?=
BUILD    ?= build$(if $(SAN),$(if $(filter thread,$(SAN)),-tsan,-san))
PREFIX   ?= /usr
DESTDIR  ?=
VERSION  := 0.1.0

comma    := ,
WARN      = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wcast-align
CFLAGS   ?= -g -O2
HARDEN    = -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
# The sanitizers hide ranges from the compiler, which then guesses at truncation.
SANITIZE  = $(if $(filter thread,$(SAN)),thread,address$(comma)undefined)
SANFLAGS  = $(if $(SAN),-Wno-format-truncation -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer -O1)
PKGS      = libuv libzmq libprotobuf-c sqlite3 openssl libsodium libzstd libgsasl \
	    libcares libidn2 icu-uc icu-i18n libseccomp libsystemd readline zlib jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS     := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcrypt -lm -lpthread
CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. -I$(BUILD) $(PKG_CFLAGS)
# Telephony stays with its role.  libre's headers want to be told what C has.
UM_CPPFLAGS = -isystem /usr/include/re -DHAVE_INTTYPES_H -DHAVE_STDBOOL_H -DHAVE_INET6 \
	    -DRELEASE -DUSE_OPENSSL
UM_LIBS   = -lre -lspandsp -lopus -lsndfile -lspeexdsp \
	    -lflite_cmu_us_slt -lflite_usenglish -lflite_cmulex -lflite \
	    -ltiff -lhpdf -ldl
libs_of   = $(if $(filter unified-messaging,$(1)),$(UM_LIBS))
ALLFLAGS  = -std=gnu11 $(WARN) $(CFLAGS) $(HARDEN) $(SANFLAGS) $(CPPFLAGS) -MMD -MP
LDALL     = -Wl,--as-needed $(SANFLAGS) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# executable: folder under roles/
ROLE_bourse           := shell
ROLE_bourse-directory := directory
ROLE_bourse-mailbox   := mailbox
ROLE_bourse-hub       := hub-transport
ROLE_bourse-edge      := edge-transport
ROLE_bourse-cas       := client-access
ROLE_bourse-um        := unified-messaging
ROLE_bourse-um-fax    := unified-messaging/fax
PROGRAMS := $(foreach p,bourse bourse-directory bourse-mailbox bourse-hub bourse-edge bourse-cas bourse-um bourse-um-fax,\
	    $(if $(wildcard roles/$(ROLE_$(p))/main.c),$(p)))

PROTO    := $(wildcard proto/*.proto)
GEN      := $(PROTO:proto/%.proto=$(BUILD)/gen/%.pb-c.c)
COMMON   := $(wildcard common/*/*.c)
ROLES    := $(notdir $(wildcard roles/*))
TESTS    := $(sort $(shell find tests/unit -name 'test_*.c'))
TEST_BIN := $(TESTS:%.c=$(BUILD)/%)
SYSTEM_SRC := $(sort $(wildcard tests/system/*.c))
SYSTEM_BIN := $(SYSTEM_SRC:%.c=$(BUILD)/%)
FUZZ     := $(sort $(notdir $(basename $(wildcard tests/fuzz/fuzz_*.c))))
obj       = $(patsubst %.c,$(BUILD)/%.o,$(1))

all: $(PROGRAMS:%=$(BUILD)/%) $(SYSTEM_BIN)

help:
	@echo 'make deps          install the Debian packages the build needs'
	@echo 'make deps-test     ... and the mail clients the tests use;  deps-bench: the peers'
	@echo 'make all           build everything below $(BUILD)/ (SAN=1: with sanitizers)'
	@echo 'make run, stop     start and stop a demo organisation in ./run'
	@echo 'make check         every test (units, sanitizers, system, kill, clients)'
	@echo 'make lint          clang, clang-tidy, cppcheck, layers'
	@echo 'make tsan          the unit tests that use threads, under TSan'
	@echo 'make soak, fuzz    the long tests;  make bench: figures beside Postfix and Dovecot'
	@echo 'make install       DESTDIR= PREFIX=$(PREFIX)'

include tests/targets.mk

# ---- building ---------------------------------------------------------------
$(BUILD)/gen/%.pb-c.c: proto/%.proto
	@mkdir -p $(@D)
	@protoc-c --proto_path=proto --c_out=$(BUILD)/gen $<

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	@$(CC) $(filter-out -W%,$(ALLFLAGS)) -w -c -o $@ $<

$(BUILD)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(ALLFLAGS) -c -o $@ $<

$(BUILD)/libcommon.a: $(call obj,$(COMMON)) $(GEN:.c=.o)
	@rm -f $@ && ar rcs $@ $^

# One archive a role, without its main(), for the program and for its tests.
define role_archive
$(BUILD)/lib$(1).a: $(call obj,$(filter-out %/main.c,$(wildcard roles/$(1)/*.c roles/$(1)/*/*.c)))
	@mkdir -p $$(@D)
	@rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROLES),$(eval $(call role_archive,$(r))))

archive_of = $(firstword $(subst /, ,$(ROLE_$(1))))
define program
$(BUILD)/$(1): $(BUILD)/roles/$(ROLE_$(1))/main.o $(BUILD)/lib$(call archive_of,$(1)).a $(BUILD)/libcommon.a
	@echo '  LD $$@'
	@$(CC) $(LDALL) -o $$@ $$^ $(call libs_of,$(call archive_of,$(1))) $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# A unit test links common/ and, if it stands in tests/unit/<role>/, that role.
# tests/unit/<dir>/fake_*.c stand in for the real thing: they come first and win.
test_role = $(filter $(ROLES),$(word 3,$(subst /, ,$(1))))
define unit_test
$(BUILD)/$(1:%.c=%): $(BUILD)/$(1:%.c=%.o) $(call obj,$(wildcard $(dir $(1))fake_*.c)) \
		$(patsubst %,$(BUILD)/lib%.a,$(call test_role,$(1))) $(BUILD)/libcommon.a
	@$(CC) $(LDALL) -o $$@ $$^ $(call libs_of,$(call test_role,$(1))) $(LIBS) -lcmocka $$(shell pkg-config --libs gmime-3.0 2>/dev/null)
endef
$(foreach t,$(TESTS),$(eval $(call unit_test,$(t))))
$(BUILD)/roles/unified-messaging/%.o $(BUILD)/tests/unit/unified-messaging/%.o \
$(BUILD)/fuzz/roles/unified-messaging/%.o $(BUILD)/fuzz/tests/fuzz/fuzz_um_%.o: \
	CPPFLAGS += $(UM_CPPFLAGS)
$(BUILD)/tests/unit/mime/%.o: CPPFLAGS += $(shell pkg-config --cflags gmime-3.0 2>/dev/null)

$(BUILD)/tests/unit/unified-messaging/test_fax_job: | $(BUILD)/bourse-um-fax

# Load drivers and protocol tools of the system tests.
SYSTEM_LIB := $(call obj,$(wildcard tests/system/lib/*.c))
$(SYSTEM_BIN): $(BUILD)/%: $(BUILD)/%.o $(SYSTEM_LIB) $(BUILD)/libcommon.a
	@$(CC) $(LDALL) -o $@ $^ $(LIBS)

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
.SECONDARY:
.PHONY: all help
