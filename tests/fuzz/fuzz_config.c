/*
 * Any bytes as a configuration and as a host-list. What is taken, printed and read again is the same; a refusal and a
 * warning are one line of text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/host_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(void *argument, const char *text)
{
	(void)argument;
	must(strncmp(text, "f:", 2) == 0 && strchr(text, '\n') == NULL);
}

static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	must(out != NULL);
	config_print(c, true, out);
	must(fclose(out) == 0);
	return text;
}

static void try_config(struct text content)
{
	struct config c, again;
	struct why why = { "" };
	char *first, *second;

	if (config_parse(content, "f", &c, check_line, NULL, &why) != RC_OK) {
		check_line(NULL, why.text);
		return;
	}
	first = printed(&c);
	if (config_parse(text_of(first), "f", &again, check_line, NULL, &why) != RC_OK) {
		fprintf(stderr, "%s\n%s", why.text, first);
		abort();
	}
	second = printed(&again);
	must(strcmp(first, second) == 0);
	free(first);
	free(second);
	config_fini(&c);
	config_fini(&again);
}

static void try_host_list(struct text content)
{
	struct host_list l;

	host_list_parse(content, "f", &l, check_line, NULL);
	for (size_t i = 0; i < l.n; i++)
		must(l.key[i][0] != '\0' && text_is_utf8(text_of(l.key[i])));
	host_list_fini(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text content = { (const char *)data, size };

	try_config(content);
	try_host_list(content);
	return 0;
}
