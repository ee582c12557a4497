/*
 * Names of hosts, plugins and data sources, and the folder of a host.
 * Source: docs/spec/system.md "Payload: Names", "Folders", "Files"; wire.md C4.
 */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

enum { NAME_MAX_BYTES = 251, MD5_HEX_BYTES = 32 };

/* Longest relative folder: 32 hex digits, a slash, 255 bytes, NUL. */
enum { FOLDER_MAX_BYTES = 32 + 1 + 255 + 1 };

/*
 * Valid UTF-8, 1 to 251 bytes, no control character, not "." or ".."; plugin and ds also without `/`.
 * Errors   RC_REFUSED  why names the rule
 */
CHECKED enum rc name_check_host(struct text t, struct why *why);
CHECKED enum rc name_check_plugin_or_ds(struct text t, struct why *why);

/* The 32 hex digits of md5(t), NUL-terminated. */
void name_md5(struct text t, char out[MD5_HEX_BYTES + 1]);

/* hostID without space, `"`, `/`, `.` and `'`: at most 251 bytes, may be empty. Returns its length; NUL-terminated. */
size_t name_filtered(struct text host, char out[NAME_MAX_BYTES + 1]);

/*
 * The folder by the rule: first n_digits of md5(host), slash, filtered name; with `suffixed`, or when the filtered name
 * is empty, the name is cut to fit 255 bytes with "-" and the first 8 digits of md5(host).
 * n_digits: 1 to 32 (wsp_path_md5_char).
 */
void name_folder(struct text host, unsigned n_digits, bool suffixed, char out[FOLDER_MAX_BYTES]);

/*
 * The part of a WSP_PATH value below the tree's root: "/srv/wsps/0c/myhost" below "/srv/wsps" → "0c/myhost".
 * TEXT_NONE when it is not below it, has `.` or `..` or empty parts or parts that start with a dot, or is too long.
 * Returns a part of stored_path, trailing slashes left out; runs of slashes at and before the root's end count as one.
 */
struct text name_folder_below(struct text stored_path, struct text root);

#endif
