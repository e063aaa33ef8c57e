# tests/targets.mk - everything that is not building: dependencies, tests, lint,
# fuzzing, benchmarks, the demo and installation.

# ---- unit tests -------------------------------------------------------------
# make unit [T=mime]: all unit tests, or those whose path contains T.
T ?=
unit: $(TEST_BIN)
	@for t in $(foreach t,$(TEST_BIN),$(if $(findstring $(T),$(t)),$(t))); do \
		$$t 2>$$t.log >$$t.out || { cat $$t.out $$t.log; echo "FAILED $$t"; exit 1; }; \
	done; echo "unit: $(words $(TEST_BIN)) programs passed"

# ---- lint -------------------------------------------------------------------
lint-layers:
	@tests/lint/check-layers

# ---- fuzzing ----------------------------------------------------------------
# make fuzz [F=fuzz_x] [SECONDS_EACH=60]: each target in turn, corpus kept.
FUZZ_CC   = clang
FUZZ_DIR  = $(BUILD)/fuzz
FUZZ_SRC  = $(COMMON) $(filter-out %/main.c,$(wildcard roles/*/*.c roles/*/*/*.c))
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
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

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

clean:
	rm -rf build build-san

.PHONY: unit lint-layers fuzz clean
