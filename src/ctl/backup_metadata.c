#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "ctl/backup.h"

struct saving {
	struct asker *asker;
	FILE *lines;
	struct buf line;
	struct text key;
	uint64_t n;
};

static void save_field(void *argument, struct text field, struct text value)
{
	struct saving *s = argument;

	buf_clear(&s->line);
	backup_add_line(&s->line, s->key, field, value);
	fwrite(s->line.at, 1, s->line.n, s->lines);
	s->n++;
}

static int save_keys(struct saving *s, struct why *why)
{
	struct json_value keys, key;
	struct json_walk w;
	struct answer a;
	int status = asker_ask_quietly(s->asker, TEXT("{\"verb\": \"metadata\"}"), &a, why);

	if (status == EXIT_FINE && json_member(&a.arena, a.value, "keys", &keys) && keys.type == JSON_ARRAY)
		for (w = json_walk(keys); status == EXIT_FINE && json_next_element(&w, &key);) {
			s->key = json_string(&a.arena, key.raw, key.escaped);
			status = metadata_each_field(s->asker, s->key, save_field, s, why);
		}
	answer_close(&a);
	return status;
}

enum rc backup_save_metadata(struct asker *asker, int dir_fd, uint64_t *n, struct why *why)
{
	static const char temporary[] = ".new-metadata";
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct saving s = { .asker = asker };
	enum rc rc = RC_OK;

	if (fd < 0)
		return because(why, RC_DISK, "make %s: %s", BACKUP_METADATA, strerror(errno));
	s.lines = fdopen(fd, "w");
	must(s.lines != NULL);
	buf_init(&s.line, SIZE_MAX);
	if (save_keys(&s, why) != EXIT_FINE) {
		why_prepend(why, "metadata");
		rc = RC_PEER;
	}
	if ((fflush(s.lines) != 0 || ferror(s.lines)) && rc == RC_OK)
		rc = because(why, RC_DISK, "write %s: %s", BACKUP_METADATA, strerror(errno));
	fclose(s.lines);
	buf_fini(&s.line);
	*n = s.n;
	return rc == RC_OK ? fileio_rename_at(dir_fd, temporary, BACKUP_METADATA, why) : rc;
}
