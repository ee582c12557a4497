/*
 * One message on its way: what the spool keeps and the ways out carry.
 */
#ifndef POLLER_PARCEL_H
#define POLLER_PARCEL_H

#include "base/text.h"

enum parcel_kind { PARCEL_DATA = 1, PARCEL_INFO = 2 };
enum { PARCEL_ID_BYTES = 16 };

struct parcel {
	enum parcel_kind kind;
	struct text host;            /* hostID: the routing key */
	struct text plugin;          /* `MyInfo` for the host's own info */
	struct text text;            /* the payload: JSON */
	uint8_t id[PARCEL_ID_BYTES]; /* stays the same however often it is sent */
};

#endif
