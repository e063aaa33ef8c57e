#ifndef BASE_LIST_H
#define BASE_LIST_H
/*
 * list - intrusive doubly linked list
 *
 * A node is embedded in its object; the head is a node of its own.  A node that
 * is in no list is linked to itself, so list_del() may be called twice.
 *
 *	struct job { struct list node; ... };
 *	LIST_EACH (&jobs, n) {
 *		struct job *j = CONTAINER_OF(n, struct job, node);
 *	}
 */
#include "common/base/attr.h"
#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* n must be in no list. */
static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void list_add_head(struct list *head, struct list *n)
{
	list_add_tail(head->next, n);
}

/* The first node, taken out; NULL when empty. */
static inline struct list *list_pop(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	/* list_del(n), written so that analyzers see head change. */
	head->next = n->next;
	n->next->prev = head;
	list_init(n);
	return n;
}

/* The body may remove the current node. */
#define LIST_EACH(head, n)                                                     \
	for (struct list *n = (head)->next, *n##_next = n->next; n != (head);  \
	     n = n##_next, n##_next = n->next)
#endif
