/*
 * The RabbitMQ input: thread `amqp` takes messages, hands them to ingest in batches and acknowledges what is safe.
 * Source: docs/spec/system.md "RabbitMQ".
 */
#ifndef STORAGE_AMQP_INPUT_H
#define STORAGE_AMQP_INPUT_H

#include "base/map.h"
#include "broker/broker.h"
#include "config/host_list.h"
#include "ingest/ingest.h"
#include "meta/meta.h"
#include "storage/amqp_shown.h"

struct amqp_input_options {
	struct broker_options broker;
	const struct host_list *hosts; /* copied */
	const struct map *formerly;    /* keys that stood on the list some time; copied */
	struct ingest *ingest;         /* borrowed until stop */
	struct meta *meta;             /* borrowed until stop; asked once for hosts that are no longer listed */
	struct amqp_shown *shown;      /* borrowed until stop; initialised */
	int64_t unbind_delay_s;        /* a host that leaves the list stays bound for so long */
};

struct amqp_input;

/* Starts the thread and returns at once; connecting goes on by itself, for ever. */
struct amqp_input *amqp_input_start(const struct amqp_input_options *options);
/*
 * Another host-list, copied: hosts that are new on it are bound, and those that have gone unbound unbind_delay_s later unless
 * a newer list has them again; what stays is bound all along. When RabbitMQ is away that is done when it is back. in may be NULL. Threads: any.
 */
void amqp_input_set_hosts(struct amqp_input *in, const struct host_list *hosts);
/* Takes no more, waits for what is being stored, acknowledges it, closes the connection. */
void amqp_input_stop(struct amqp_input *in);

#endif
