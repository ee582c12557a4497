#include "storage/amqp_shown.h"

void amqp_shown_init(struct amqp_shown *s)
{
	*s = (struct amqp_shown){ .queue_depth = -1 };
	lock_init(&s->lock);
}

void amqp_shown_fini(struct amqp_shown *s)
{
	lock_fini(&s->lock);
}

void amqp_shown_away(struct amqp_shown *s, const struct why *why)
{
	lock_take(&s->lock);
	s->away = *why;
	lock_give_back(&s->lock);
	atomic_store(&s->queue_depth, -1);
	atomic_store(&s->n_unacked, 0);
	atomic_store(&s->connected, false);
}

void amqp_shown_why(struct amqp_shown *s, struct why *out)
{
	lock_take(&s->lock);
	*out = s->away;
	lock_give_back(&s->lock);
}
