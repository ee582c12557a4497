#include "poller/schedule.h"

enum { DELAY_SHARE = 6 };
static const int64_t ns_a_second = 1000000000;

int64_t schedule_delay_ns(struct text host_id, int64_t period_s)
{
	uint64_t most = (uint64_t)(period_s * ns_a_second / DELAY_SHARE);

	return (int64_t)(text_hash(host_id, 0) % most);
}

int64_t schedule_next_ns(int64_t now_ns, int64_t period_s, int64_t delay_ns)
{
	int64_t period_ns = period_s * ns_a_second, since = now_ns - delay_ns;
	int64_t behind = since % period_ns;

	if (behind < 0)
		behind += period_ns;
	return now_ns - behind + period_ns;
}

bool schedule_is_missed(int64_t due_ns, int64_t now_ns, int64_t period_s)
{
	int64_t late_ns = now_ns - due_ns;

	return late_ns < -ns_a_second / 2 || late_ns > period_s * ns_a_second / 2;
}
