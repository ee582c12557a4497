#include "ctl/tenants.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/name.h"

/* What is gathered: WSP_PATH needs HOST_ID where a path lies outside of our tree. */
struct gathering {
	struct tenants *hosts;
	const struct config *config;
	struct map digits; /* host → its HOST_ID */
};

static void keep_digits(void *argument, struct text field, struct text value)
{
	struct gathering *g = argument;

	free(map_put(&g->digits, field, must_strndup(value.s, value.n)));
}

static bool is_on_disk(const char *root, const char *folder)
{
	char *path = must_format("%s/%s", root, folder);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* By the rule, as the daemon has it. */
static void folder_by_rule(const struct gathering *g, struct text host, char folder[FOLDER_MAX_BYTES])
{
	const char *id = map_get(&g->digits, host);
	unsigned n = (unsigned)g->config->wsp_path_md5_char;
	char md5[MD5_HEX_BYTES + 1];

	name_md5(host, md5);
	if (id != NULL && strlen(id) >= 1 && strlen(id) <= MD5_HEX_BYTES && memcmp(id, md5, strlen(id)) == 0)
		n = (unsigned)strlen(id);
	name_folder(host, n, true, folder);
	if (!is_on_disk(g->config->wsp_path, folder))
		name_folder(host, n, false, folder);
}

static void keep_folder(void *argument, struct text host, struct text value)
{
	struct gathering *g = argument;
	struct text below = name_folder_below(value, text_of(g->config->wsp_path));
	char by_rule[FOLDER_MAX_BYTES];

	if (below.n == 0) {
		folder_by_rule(g, host, by_rule);
		below = text_of(by_rule);
	}
	free(map_put(&g->hosts->folder_of, host, must_strndup(below.s, below.n)));
	free(map_put(&g->hosts->host_of, below, must_strndup(host.s, host.n)));
}

int tenants_read(struct asker *asker, struct tenants *out, struct why *why)
{
	struct gathering g = { .hosts = out, .config = ctl_config(asker->ctl) };
	int status;

	map_init(&out->folder_of);
	map_init(&out->host_of);
	map_init(&g.digits);
	if (g.config == NULL) {
		because(why, RC_REFUSED, "no configuration");
		return EXIT_UNUSABLE;
	}
	status = metadata_each_field(asker, TEXT("HOST_ID"), keep_digits, &g, why);
	if (status == EXIT_FINE)
		status = metadata_each_field(asker, TEXT("WSP_PATH"), keep_folder, &g, why);
	map_fini(&g.digits, free);
	return status;
}

void tenants_fini(struct tenants *h)
{
	map_fini(&h->folder_of, free);
	map_fini(&h->host_of, free);
}

struct text tenants_of_folder(const struct tenants *h, struct text folder)
{
	const char *host = map_get(&h->host_of, folder);

	return host == NULL ? TEXT_NONE : text_of(host);
}

struct pattern pattern_read(const char *t)
{
	const char *slash = strchr(t, '/'), *second = slash == NULL ? NULL : strchr(slash + 1, '/');
	struct pattern p = { .host = text_of(t) };

	if (slash != NULL) {
		p.host.n = (size_t)(slash - t);
		p.plugin = text_of(slash + 1);
	}
	if (second != NULL) {
		p.plugin.n = (size_t)(second - slash) - 1;
		p.ds = text_of(second + 1);
	}
	return p;
}

static bool fits(struct text t, struct text pattern)
{
	return pattern.s == NULL || text_matches(t, pattern);
}

bool patterns_fit(const struct pattern *p, size_t n, struct text host, struct text folder, struct text plugin,
		  struct text ds)
{
	if (host.s == NULL) {
		size_t start = folder.n;

		while (start > 0 && folder.s[start - 1] != '/')
			start--;
		host = (struct text){ folder.s + start, folder.n - start };
	}
	for (size_t i = 0; i < n; i++)
		if (fits(host, p[i].host) && (plugin.s == NULL || fits(plugin, p[i].plugin)) &&
		    (ds.s == NULL || fits(ds, p[i].ds)))
			return true;
	return n == 0;
}
