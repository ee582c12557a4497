/*
 * One host as a tar file: what `export` writes and `import host` reads.
 *
 *	manifest.json          {"format": "numeter-host", "version": 1, "host", "exported", "program"}
 *	metadata.json          {"host", "myinfo": "text" or null, "infos": {"plugin": "text", …}}
 *	wsp/PLUGIN/DS.wsp      files as they are
 *	end.json               {"files": their number}: without it the tar was cut short
 *
 * Source: docs/import.md "Another storage". Names are bytes, never converted.
 */
#ifndef CTL_HOST_TAR_H
#define CTL_HOST_TAR_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

enum {
	HOST_TAR_VERSION = 1,
	HOST_TAR_MAX_MANIFEST = 64 << 10,
	HOST_TAR_MAX_METADATA = 64 << 20,
	HOST_TAR_MAX_WSP = 1 << 30,
};

struct host_tar_writer;

/* Owner    fd is borrowed; *out is ended by host_tar_close(). Errors: RC_DISK. */
CHECKED enum rc host_tar_create(int fd, struct host_tar_writer **out, struct why *why);
CHECKED enum rc host_tar_add(struct host_tar_writer *w, const char *path, struct text bytes, int64_t mtime_s,
			     struct why *why);
/* The end of the file is written. NULL is fine. */
CHECKED enum rc host_tar_close(struct host_tar_writer *w, struct why *why);

/* What a tar brings, in its order. An error ends the reading with it. */
struct host_tar_reader {
	/* the host that the manifest names, checked */
	enum rc (*begin)(void *argument, struct text host, struct why *why);
	enum rc (*metadata)(void *argument, struct text json, struct why *why);
	/* A file for these names, checked: to be written to *fd, which stays the caller's; length: as the tar says. */
	enum rc (*file)(void *argument, struct text plugin, struct text ds, int *fd, struct why *why);
	/* It is written whole. */
	enum rc (*file_end)(void *argument, struct why *why);
	void *argument;
};

/*
 * Read a tar, packed by gzip or not. Nothing of it is believed: what is no plain file of one of the names above, or is too
 * large, refuses the whole.
 * Errors   RC_REFUSED not of export, of another version, or with what does not belong there · RC_DAMAGED it ends early
 *          RC_FULL the files would take the last room of their disk · RC_DISK · those of the functions
 */
CHECKED enum rc host_tar_read(int fd, const struct host_tar_reader *reader, struct why *why);

#endif
