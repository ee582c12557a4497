#include "http/page.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http/answer.h"
#include "http/request.h"

/* Nothing from elsewhere, nothing inline, no frame of another origin. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
			     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

struct page {
	struct kept **reply; /* by place in page_files */
};

const struct page_file *page_find(const char *path)
{
	const char *name = path + strlen(PAGE_PATH);

	if (strncmp(path, PAGE_PATH, strlen(PAGE_PATH)) != 0)
		return NULL;
	if (*name == '\0')
		name = "index.html";
	for (size_t i = 0; i < n_page_files; i++)
		if (strcmp(page_files[i].name, name) == 0)
			return &page_files[i];
	return NULL;
}

struct page *page_new(void)
{
	struct page *p = must_alloc(sizeof(*p));

	p->reply = must_alloc(n_page_files * sizeof(struct kept *));
	for (size_t i = 0; i < n_page_files; i++) {
		const struct page_file *f = &page_files[i];
		const struct answer a = { .content_type = f->content_type, .policy = policy };

		p->reply[i] = answer_keep_file(&a, f->plain, f->packed);
	}
	return p;
}

void page_free(struct page *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < n_page_files; i++)
		kept_let_go(p->reply[i]);
	free(p->reply);
	free(p);
}

struct kept *page_reply(const struct page *p, const struct page_file *f)
{
	struct kept *k = p->reply[f - page_files];

	atomic_fetch_add(&k->n_holders, 1);
	return k;
}

void handle_page(struct request *r, struct answer *a)
{
	a->kept = page_reply(r->server->page, r->page_file);
	a->content_type = r->page_file->content_type; /* for a copy of it */
	a->policy = policy;
}
