#include "journal/records.h"

#include "base/fileio.h"

enum { SEARCH_BYTES = 1 << 16 };

/* Make [at, at + n) of the file stand in the window. Less where the file ends: *have. */
static enum rc look(struct records *r, uint64_t at, size_t n, const unsigned char **bytes, size_t *have,
		    struct why *why)
{
	size_t kept, got;
	enum rc rc;

	if (at < r->window_at || at + n > r->window_at + r->n_window) {
		kept = at >= r->window_at && at < r->window_at + r->n_window ? (size_t)(r->window_at + r->n_window - at)
									     : 0;
		if (kept > 0)
			memmove(r->window, r->window + (at - r->window_at), kept);
		r->window_at = at;
		r->n_window = kept;
		rc = fileio_pread_some(r->fd, r->window + kept, RECORDS_WINDOW_BYTES - kept, at + kept, &got, why);
		if (rc != RC_OK)
			return rc;
		r->n_window += got;
		if (r->n_window > 0 && r->window_at + r->n_window > r->seen)
			r->seen = r->window_at + r->n_window;
	}
	*bytes = r->window + (at - r->window_at);
	*have = r->window_at + r->n_window - at < n ? (size_t)(r->window_at + r->n_window - at) : n;
	return RC_OK;
}

enum rc records_open(struct records *r, int fd, enum format_kind kind, uint32_t number, unsigned char *window,
		     struct why *why)
{
	const unsigned char *page;
	size_t have;
	enum rc rc;

	*r = (struct records){ .fd = fd, .kind = kind, .number = number, .window = window, .at = FORMAT_PAGE_BYTES };
	r->end = FORMAT_PAGE_BYTES;
	rc = look(r, 0, FORMAT_PAGE_USED_BYTES, &page, &have, why);
	if (rc != RC_OK)
		return rc;
	if (have < FORMAT_PAGE_USED_BYTES)
		return RC_OK;
	rc = format_page_get(page, &r->page, why);
	if (rc == RC_REFUSED)
		return rc;
	r->has_page = rc == RC_OK && r->page.kind == kind && r->page.number == number;
	return RC_OK;
}

/* Is there a whole record of this file at `at`? *n_bytes: its length, or what its header says of it; 0 not of this file. */
static enum rc whole_at(struct records *r, uint64_t at, struct format_record *out, const unsigned char **record,
			size_t *n_bytes, bool *whole, struct why *why)
{
	size_t have, wanted;
	bool marked;
	enum rc rc;

	*whole = false;
	*n_bytes = 0;
	rc = look(r, at, FORMAT_HEADER_BYTES, record, &have, why);
	if (rc != RC_OK)
		return rc;
	if (have < FORMAT_HEADER_BYTES) {
		*n_bytes = have;
		return have == 0 ? RC_END : RC_OK;
	}
	marked = format_record_get(*record, r->kind, out);
	/* bytes of an earlier life have another number; ours may have a byte changed */
	if (out->number != r->number || (!marked && out->offset != at))
		return RC_OK;
	wanted = format_record_bytes(r->kind, out->n);
	*n_bytes = wanted == 0 ? FORMAT_HEADER_BYTES : wanted;
	if (!marked || out->offset != at || wanted == 0)
		return RC_OK;
	rc = look(r, at, wanted, record, &have, why);
	*whole = rc == RC_OK && have == wanted && format_record_whole(*record, wanted);
	return rc;
}

/* No whole record at r->at: look for a later one. RC_END: there is none. */
static enum rc search(struct records *r, struct format_record *out, const unsigned char **record, size_t *n_bytes,
		      size_t n_torn_bytes, struct why *why)
{
	size_t have, skipped;
	bool whole = false;
	uint64_t at = r->at;
	enum rc rc;

	while (!whole) {
		at += FORMAT_ALIGN_BYTES;
		rc = look(r, at, SEARCH_BYTES, record, &have, why);
		if (rc == RC_OK && have == 0)
			break;
		if (rc == RC_OK) {
			skipped = format_record_find(*record, have, r->kind, r->number);
			if (skipped == have) {
				at += (have - 1) / FORMAT_ALIGN_BYTES * FORMAT_ALIGN_BYTES;
				continue;
			}
			at += skipped;
			rc = whole_at(r, at, out, record, n_bytes, &whole, why);
		}
		if (rc != RC_OK)
			return rc;
	}
	if (whole) {
		/* records synced with the damaged ones may have reached the disk before them: a crash, not damage */
		if (out->group > r->at && !r->damaged) {
			r->damaged = true;
			because(&r->why, RC_DAMAGED, "%llu damaged bytes at %llu, whole records behind them",
				(unsigned long long)(at - r->at), (unsigned long long)r->at);
		}
		r->n_damaged_bytes += at - r->at;
		r->at = at;
		return RC_OK;
	}
	r->torn = true;
	at = r->seen; /* the file's end */
	r->n_damaged_bytes += n_torn_bytes < at - r->at ? n_torn_bytes : at - r->at;
	if (n_torn_bytes > 0 && r->why.text[0] == '\0')
		because(&r->why, RC_DAMAGED, "a torn record at %llu", (unsigned long long)r->at);
	return RC_END;
}

enum rc records_next(struct records *r, struct format_record *out, const unsigned char **body, struct why *why)
{
	const unsigned char *record;
	size_t n_bytes;
	bool whole;
	enum rc rc;

	if (r->ended)
		return RC_END;
	rc = whole_at(r, r->at, out, &record, &n_bytes, &whole, why);
	if (rc == RC_END)
		r->torn = true;
	else if (rc == RC_OK && !whole)
		rc = search(r, out, &record, &n_bytes, n_bytes, why);
	if (rc == RC_OK) {
		r->at += n_bytes;
		r->end = r->at;
		*body = record + FORMAT_HEADER_BYTES;
		if (out->n > 0)
			return RC_OK;
		rc = RC_END;
	}
	r->ended = true;
	return rc;
}

bool records_end_damaged(struct records *r)
{
	/* a file that was given up is cut behind its last record */
	if (!r->torn || (r->n_damaged_bytes == 0 && r->seen <= r->end))
		return false;
	if (!r->damaged)
		because(&r->why, RC_DAMAGED, "damaged at %llu: no end, and later files had been written",
			(unsigned long long)r->end);
	r->damaged = true;
	return true;
}
