# tests/targets.mk - everything that is not building: dependencies, tests, lint,
# fuzzing, benchmarks, the demo and installation.

# ---- packages, the demo ------------------------------------------------------
deps:
	@deploy/deps build
deps-test:
	@deploy/deps test
deps-bench:
	@deploy/deps bench

# The demo organisation in $(RUN); ports are $(PORT_BASE) + the standard number.
RUN       ?= run
PORT_BASE ?= 10000
run:
	@deploy/deps build
	@$(MAKE) -s -j2 all
	@BUILD=$(BUILD) deploy/demo start $(RUN) --port-base $(PORT_BASE)
stop:
	@BUILD=$(BUILD) deploy/demo stop $(RUN)

# ---- tests --------------------------------------------------------------------
check:
	@deploy/deps test
	@BUILD=$(BUILD) tests/check
soak: all
	@deploy/deps test
	@BUILD=$(BUILD) tests/system/soak.sh
# A million messages, 50 GB, 5,000 folders; some 10 minutes.
big: all
	@BUILD=$(BUILD) tests/system/big.sh
# The mailbox against its model: 200,000 steps, half an hour.
model: all
	@BUILD=$(BUILD) tests/system/model.sh -n 200000 -t 0
bench:
	@deploy/deps bench
	@$(MAKE) -s -j2 all
	@BUILD=$(BUILD) tests/bench/bench

# ---- unit tests -------------------------------------------------------------
# make unit [T=mime]: all unit tests, or those whose path contains T.
T ?=
unit: $(TEST_BIN)
	@for t in $(foreach t,$(TEST_BIN),$(if $(findstring $(T),$(t)),$(t))); do \
		$$t 2>$$t.log >$$t.out || { cat $$t.out $$t.log; echo "FAILED $$t"; exit 1; }; \
	done; echo "unit: $(words $(TEST_BIN)) programs passed"

# make tsan: the unit tests behind which threads run: the worker pool, the inbox, the
# writer and the readers of a mailbox store, the thread of a mail queue.
TSAN_TESTS = $(filter tests/unit/mailbox/% $(addprefix tests/unit/,svc/test_work.c svc/test_svc.c \
	     auth/test_login.c db/test_db.c db/test_vfs.c relay/test_queue.c relay/test_rounds.c \
	     relay/test_report.c relay/test_track.c),$(TESTS))
tsan:
	@$(MAKE) -s SAN=thread BUILD=$(BUILD)-tsan tsan-run
tsan-run: $(TSAN_TESTS:%.c=$(BUILD)/%)
	@for t in $^; do \
		TSAN_OPTIONS="suppressions=tests/lint/tsan.supp" \
			$$t 2>$$t.log >$$t.out || { cat $$t.out $$t.log; echo "FAILED $$t"; exit 1; }; \
	done; echo "result: $(words $(TSAN_TESTS)) programs passed under TSan"

# ---- lint -------------------------------------------------------------------
lint: lint-layers lint-settings lint-clang lint-tidy lint-cppcheck
lint-layers:
	@tests/lint/check-layers
lint-settings: all
	@BUILD=$(BUILD) tests/lint/check-settings
lint-clang:
	@$(MAKE) -s -j2 CC=clang BUILD=$(BUILD)-clang all
# Roles that are whole: they have a main().
WHOLE   = $(dir $(wildcard roles/*/main.c))
SOURCES = $(COMMON) $(wildcard $(WHOLE:%=%*.c) $(WHOLE:%=%*/*.c))
lint-tidy: $(GEN)
	@printf '%s\n' $(SOURCES) | xargs -P 2 -I '{}' clang-tidy --quiet \
		--config-file=tests/lint/clang-tidy '{}' -- -std=gnu11 $(CPPFLAGS) \
		$(UM_CPPFLAGS) -include tests/lint/analyzer.h
lint-cppcheck:
	@cppcheck --quiet --std=c11 --inline-suppr --error-exitcode=1 -j 2 \
		--enable=warning,portability --suppressions-list=tests/lint/cppcheck \
		-I. $(SOURCES)

# ---- fuzzing ----------------------------------------------------------------
# make fuzz [F=fuzz_x] [SECONDS_EACH=60]: each target in turn, corpus kept.
FUZZ_CC   = clang
FUZZ_DIR  = $(BUILD)/fuzz
FUZZ_SRC  = $(filter-out %/main.c,$(SOURCES))
FUZZFLAGS = -std=gnu11 -g -O1 -w -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer $(CPPFLAGS) -MMD -MP
SECONDS_EACH ?= 60
F ?= $(FUZZ)

$(FUZZ_DIR)/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<
$(FUZZ_DIR)/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZFLAGS) -c -o $@ $<
$(FUZZ_DIR)/liball.a: $(FUZZ_SRC:%.c=$(FUZZ_DIR)/%.o) $(PROTO:proto/%.proto=$(FUZZ_DIR)/gen/%.pb-c.o)
	@rm -f $@ && ar rcs $@ $^
$(FUZZ:%=$(FUZZ_DIR)/%): $(FUZZ_DIR)/%: $(FUZZ_DIR)/tests/fuzz/%.o $(FUZZ_DIR)/liball.a
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^) $(filter %.a,$^) \
		$(UM_LIBS) $(LIBS)
# The stand-ins of the unit tests come first and win.
$(FUZZ_DIR)/fuzz_imap_session: $(patsubst %.c,$(FUZZ_DIR)/%.o,\
	$(wildcard tests/unit/client-access/imap/fake_*.c))

fuzz-build: $(FUZZ:%=$(FUZZ_DIR)/%)
fuzz: $(F:%=$(FUZZ_DIR)/%)
	@for f in $(F); do \
		mkdir -p $(FUZZ_DIR)/corpus/$$f tests/fuzz/corpus/$$f; \
		echo "fuzz $$f for $(SECONDS_EACH) s"; \
		$(FUZZ_DIR)/$$f -max_total_time=$(SECONDS_EACH) -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix=$(FUZZ_DIR)/$$f- -print_final_stats=1 \
			$(FUZZ_DIR)/corpus/$$f tests/fuzz/corpus/$$f >$(FUZZ_DIR)/$$f.log 2>&1 \
			|| { tail -40 $(FUZZ_DIR)/$$f.log; exit 1; }; \
		grep -h 'number_of_executed_units' $(FUZZ_DIR)/$$f.log; \
	done

# ---- installation ---------------------------------------------------------------
# Daemons in sbin, the shell in bin, units, accounts, manual pages, completion.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/doc/bourse $(DESTDIR)/etc/bourse
	install -m 755 $(BUILD)/bourse $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(filter-out %/bourse,$(PROGRAMS:%=$(BUILD)/%)) $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 deploy/systemd/*.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 644 deploy/systemd/bourse.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/bourse.conf
	install -m 644 README COPYING $(DESTDIR)$(PREFIX)/share/doc/bourse/
	@for c in $(wildcard deploy/conf/*.conf); do \
		test -e $(DESTDIR)/etc/bourse/$${c##*/} || \
			install -m 644 $$c $(DESTDIR)/etc/bourse/; \
	done
	@for m in $(wildcard man/*.[1-8]); do \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; \
		install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/; \
	done
	$(BUILD)/bourse completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bourse

clean:
	rm -rf build build-san build-tsan build-clang

.PHONY: deps deps-test deps-bench run stop check soak big model bench unit tsan tsan-run lint \
	lint-layers lint-settings lint-clang lint-tidy lint-cppcheck fuzz fuzz-build install clean
