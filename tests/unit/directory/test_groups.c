/* Groups with more members than an object can hold. */
#include "rig.h"
#include "common/base/clock.h"
#include "roles/directory/members.h"

#ifdef __SANITIZE_ADDRESS__
enum { MANY = 20000, A_CHANGE = 10000 };
#else
enum { MANY = 50000, A_CHANGE = 10000 };
#endif

static struct guid guid_of(unsigned i)
{
	struct guid g = { { 0x77 } };

	memcpy(g.b + 8, &i, sizeof(i));
	return g;
}

/* Contacts, put in without the administrator's way, which takes its time. */
static void make_contacts(struct rig *r, unsigned n)
{
	struct batch b;

	assert_int_equal(batch_begin(&b, &r->d, r->now_ms, &r->eb), ERR_OK);
	for (unsigned i = 0; i < n; i++) {
		struct arena a = { 0 };
		struct object *o = object_new(&a, CLASS_CONTACT);

		o->guid = guid_of(i);
		object_set_text(o, OBJ_NAME, arena_printf(&a, "c%u", i));
		assert_int_equal(batch_put(&b, o, &r->eb), ERR_OK);
		arena_fini(&a);
	}
	assert_int_equal(batch_commit(&b, &r->eb), ERR_OK);
}

static enum err change(struct rig *r, enum change_op op, unsigned from, unsigned to)
{
	struct arena a = { 0 };
	struct object_value *v = NULL, *first = NULL;
	struct change c = { .op = op, .attr = OBJ_MEMBER };
	struct apply ap = { .what = APPLY_MODIFY, .klass = CLASS_GROUP, .name = "big",
			    .changes = &c, .n_changes = 1, .who = "tester", .now_ms = r->now_ms };
	struct object *o;
	enum err e;

	for (unsigned i = to; i-- > from;) {
		struct guid g = guid_of(i);

		v = arena_alloc(&a, sizeof(*v));
		v->bytes.p = arena_dup(&a, g.b, sizeof(g.b));
		v->bytes.n = sizeof(g.b);
		v->next = first;
		first = v;
	}
	c.values = first;
	r->notes.n = 0;
	e = apply_run(&r->d, &ap, &a, &o, &r->notes, &r->eb);
	arena_fini(&a);
	return e;
}

static size_t values(const struct object *o, unsigned attr)
{
	size_t n = 0;

	for (const struct object_value *v = object_values(o, attr); v; v = v->next)
		n++;
	return n;
}

/* Members of the group and of its pages; each page is a member and listed. */
static size_t members(struct rig *r, size_t *pages)
{
	struct arena a = { 0 };
	struct object *o, *page;
	size_t n;

	assert_int_equal(apply_find(&r->d, CLASS_GROUP, "big", NULL, &a, &o, &r->eb), ERR_OK);
	*pages = values(o, OBJ_MEMBER_PAGE);
	n = values(o, OBJ_MEMBER) - *pages;
	assert_true(n <= MEMBERS_OWN);
	for (const struct object_value *v = object_values(o, OBJ_MEMBER_PAGE); v; v = v->next) {
		struct guid g;

		assert_int_equal(guid_from(v->bytes.p, v->bytes.n, &g), ERR_OK);
		assert_true(object_has_guid(o, OBJ_MEMBER, &g));
		assert_int_equal(objects_by_guid(r->d.db, &g, &a, &page, &r->eb), ERR_OK);
		assert_int_equal(page->klass, CLASS_GROUP_PAGE);
		assert_true(values(page, OBJ_MEMBER) > 0 && values(page, OBJ_MEMBER) <= MEMBERS_PAGE);
		n += values(page, OBJ_MEMBER);
	}
	arena_fini(&a);
	return n;
}

static size_t pages_there(struct rig *r)
{
	struct object *o[64];
	struct arena a = { 0 };
	size_t n = objects_list(r->d.db, CLASS_GROUP_PAGE, "", o, N_ELEMS(o), &a);

	arena_fini(&a);
	return n;
}

static bool is_in(struct rig *r, unsigned i)
{
	struct guid who = guid_of(i), up[8];
	struct arena a = { 0 };
	struct object *o;
	bool found = false;
	size_t n = objects_ancestors(r->d.db, &who, up, N_ELEMS(up));

	assert_int_equal(apply_find(&r->d, CLASS_GROUP, "big", NULL, &a, &o, &r->eb), ERR_OK);
	for (size_t k = 0; k < n; k++)
		found |= guid_eq(&up[k], &o->guid);
	arena_fini(&a);
	return found;
}

static void test_fifty_thousand(void **state)
{
	size_t pages;
	int64_t t0;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_contacts(&r, MANY);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "big", "", NULL);
	t0 = clock_mono_ms();
	for (unsigned i = 0; i < MANY; i += A_CHANGE)
		assert_int_equal(change(&r, CHANGE_ADD, i, i + A_CHANGE), ERR_OK);
	print_message("%d members in %lld ms\n", MANY, (long long)(clock_mono_ms() - t0));
	assert_int_equal(members(&r, &pages), MANY);
	assert_int_equal(pages, (MANY - MEMBERS_OWN + MEMBERS_PAGE - 1) / MEMBERS_PAGE);
	assert_true(is_in(&r, 0) && is_in(&r, MANY - 1) && is_in(&r, MANY / 2));
	assert_int_equal(change(&r, CHANGE_ADD, 10000, 10010), ERR_OK);	/* there already */
	assert_int_equal(members(&r, &pages), MANY);
	t0 = clock_mono_ms();
	assert_int_equal(change(&r, CHANGE_REMOVE, 13000, 13001), ERR_OK);
	print_message("one taken out in %lld ms\n", (long long)(clock_mono_ms() - t0));
	assert_false(is_in(&r, 13000));
	assert_true(is_in(&r, 13001));
	assert_int_equal(change(&r, CHANGE_REMOVE, 13000, 13001), ERR_NOTFOUND);
	rig_must(&r, APPLY_DELETE, CLASS_CONTACT, "c15000", "", NULL);
	assert_int_equal(members(&r, &pages), MANY - 2);
	rig_down(&r);
}

static void test_pages_come_and_go(void **state)
{
	const unsigned n = MEMBERS_OWN + 2 * MEMBERS_PAGE;
	struct object *list[2];
	size_t pages;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_contacts(&r, n);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "big", "", NULL);
	assert_int_equal(change(&r, CHANGE_ADD, 0, MEMBERS_OWN), ERR_OK);
	assert_int_equal(members(&r, &pages), MEMBERS_OWN);
	assert_int_equal(pages, 0);
	assert_int_equal(change(&r, CHANGE_ADD, MEMBERS_OWN, n), ERR_OK);
	assert_int_equal(members(&r, &pages), n);
	assert_int_equal(pages, 2);
	/* Nobody else touches a page. */
	assert_int_equal(objects_list(r.d.db, CLASS_GROUP_PAGE, "", list, 1, &r.a), 1);
	assert_int_equal(rig_apply(&r, APPLY_DELETE, CLASS_GROUP_PAGE,
				   object_text(list[0], OBJ_NAME), "", NULL), ERR_DENIED);
	assert_int_equal(rig_apply(&r, APPLY_CREATE, CLASS_GROUP_PAGE, "x", "", NULL), ERR_DENIED);
	/* A page that is empty goes; one with room is filled first. */
	assert_int_equal(change(&r, CHANGE_REMOVE, MEMBERS_OWN, MEMBERS_OWN + MEMBERS_PAGE), ERR_OK);
	assert_int_equal(members(&r, &pages), n - MEMBERS_PAGE);
	assert_int_equal(pages, 1);
	assert_int_equal(pages_there(&r), 1);
	assert_int_equal(change(&r, CHANGE_SET, 5, 8), ERR_OK);
	assert_int_equal(members(&r, &pages), 3);
	assert_int_equal(pages_there(&r), 0);
	/* A refusal changes nothing. */
	assert_int_equal(change(&r, CHANGE_SET, n - 2, n + 2), ERR_NOTFOUND);
	assert_int_equal(members(&r, &pages), 3);
	assert_int_equal(change(&r, CHANGE_SET, 0, n), ERR_OK);
	assert_int_equal(pages_there(&r), 2);
	assert_int_equal(change(&r, CHANGE_UNSET, 0, 0), ERR_OK);
	assert_int_equal(members(&r, &pages), 0);
	assert_int_equal(pages_there(&r), 0);
	assert_int_equal(change(&r, CHANGE_SET, 0, n), ERR_OK);
	rig_must(&r, APPLY_DELETE, CLASS_GROUP, "big", "", NULL);
	assert_int_equal(pages_there(&r), 0);
	rig_down(&r);
}

/* A mailbox in a page, disabled and reconnected, is in the group again. */
static void test_back_into_a_page(void **state)
{
	struct object *o;
	struct guid up[8], alice;
	size_t n, pages;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_contacts(&r, MEMBERS_OWN);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "alice", "", &o);
	alice = o->guid;
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "big", "", NULL);
	assert_int_equal(change(&r, CHANGE_ADD, 0, MEMBERS_OWN), ERR_OK);
	rig_must(&r, APPLY_MODIFY, CLASS_GROUP, "big", "+member=alice", NULL);
	assert_int_equal(members(&r, &pages), MEMBERS_OWN + 1);
	assert_int_equal(pages, 1);
	rig_must(&r, APPLY_DISABLE, CLASS_MAILBOX, "alice", "", NULL);
	assert_int_equal(objects_ancestors(r.d.db, &alice, up, N_ELEMS(up)), 0);
	rig_must(&r, APPLY_RECONNECT, CLASS_MAILBOX, "alice", "", NULL);
	n = objects_ancestors(r.d.db, &alice, up, N_ELEMS(up));
	assert_int_equal(n, 2);		/* the page and the group */
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fifty_thousand),
		cmocka_unit_test(test_pages_come_and_go),
		cmocka_unit_test(test_back_into_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
