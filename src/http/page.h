/*
 * The page of graphs: files that are part of the program, each a reply that is always ready.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/kept.h"

struct page_file {
	const char *name, *content_type;
	struct text plain, packed; /* packed.n 0: it does not become smaller */
};

/* By name; made by tools/embed_web.py. */
extern const struct page_file page_files[];
extern const size_t n_page_files;

#define PAGE_PATH "/numeter-storage/ui/"

/* The file of a request's path, index.html for the folder; NULL: none of ours. */
const struct page_file *page_find(const char *path);

struct page;

struct page *page_new(void);
void page_free(struct page *p);
/* The reply of a file, held for you: kept_let_go() it. Threads: any. */
struct kept *page_reply(const struct page *p, const struct page_file *f);

#endif
