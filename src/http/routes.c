#include "http/request.h"

static const struct route routes[] = {
	{ "/", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_root },
	{ "/metrics", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_metrics },
	{ "/healthz", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_healthz },
	{ "/readyz", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_readyz },
	{ "/numeter-storage/healthz", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_healthz },
	{ "/numeter-storage/readyz", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_readyz },
	{ "/numeter-storage", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_base },
	{ "/numeter-storage/", METHODS_READ, true, HISTOGRAM_HTTP_OTHER, handle_index },
	{ "/numeter-storage/hosts", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_hosts },
	{ "/numeter-storage/hinfo", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_hinfo },
	{ "/numeter-storage/list", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_list },
	{ "/numeter-storage/info", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_info },
	{ "/numeter-storage/data", METHODS_READ, true, HISTOGRAM_HTTP_DATA, handle_data },
	{ "/numeter-storage/values", METHODS_READ, true, HISTOGRAM_HTTP_VALUES, handle_values },
	{ "/numeter-storage/categories", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_categories },
	{ "/numeter-storage/last-seen", METHODS_READ, true, HISTOGRAM_HTTP_LIST, handle_last_seen },
	{ "/numeter-storage/status", METHODS_READ, true, HISTOGRAM_HTTP_OTHER, handle_status },
	{ "/numeter-storage/graph.svg", METHODS_READ, true, HISTOGRAM_HTTP_GRAPH, handle_graph_svg },
	{ "/numeter-storage/graph.png", METHODS_READ, true, HISTOGRAM_HTTP_GRAPH, handle_graph_png },
	{ "/numeter-storage/ui", METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_ui },
	{ PAGE_PATH, METHODS_READ, false, HISTOGRAM_HTTP_OTHER, handle_page }, /* and all files below it */
	{ "/numeter-storage/ingest", METHOD_POST, false, HISTOGRAM_HTTP_INGEST, NULL },
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
