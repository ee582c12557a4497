#include "http/request.h"

static const struct route routes[] = {
	{ "/", METHODS_READ, false, handle_root },
	{ "/metrics", METHODS_READ, false, handle_metrics },
	{ "/numeter-storage", METHODS_READ, false, handle_base },
	{ "/numeter-storage/", METHODS_READ, true, handle_index },
	{ "/numeter-storage/hosts", METHODS_READ, true, handle_hosts },
	{ "/numeter-storage/hinfo", METHODS_READ, true, handle_hinfo },
	{ "/numeter-storage/list", METHODS_READ, true, handle_list },
	{ "/numeter-storage/info", METHODS_READ, true, handle_info },
	{ "/numeter-storage/data", METHODS_READ, true, handle_data },
	{ "/numeter-storage/values", METHODS_READ, true, handle_values },
	{ "/numeter-storage/categories", METHODS_READ, true, handle_categories },
	{ "/numeter-storage/last-seen", METHODS_READ, true, handle_last_seen },
	{ "/numeter-storage/status", METHODS_READ, true, handle_status },
	{ "/numeter-storage/graph.svg", METHODS_READ, true, handle_graph_svg },
	{ "/numeter-storage/graph.png", METHODS_READ, true, handle_graph_png },
	{ "/numeter-storage/ui", METHODS_READ, false, handle_ui },
	{ PAGE_PATH, METHODS_READ, false, handle_page }, /* and all files below it */
	{ "/numeter-storage/ingest", METHOD_POST, false, NULL },
};

const struct route *routes_find(const char *path, bool ingest_enabled)
{
	if (page_find(path) != NULL)
		path = PAGE_PATH;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (strcmp(path, routes[i].path) == 0)
			return routes[i].fn == NULL && !ingest_enabled ? NULL : &routes[i];
	return NULL;
}

const char *routes_allow(const struct route *route)
{
	return route->methods == METHOD_POST ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}
