/*
 * What the kernel says of this process: memory, processor time, open files. Source: proc(5).
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

/* Of what cannot be found out: NAN. */
struct process_state {
	double resident_bytes, virtual_bytes;
	double cpu_s; /* user and system, all threads */
	double n_threads;
	double started_s; /* Unix seconds */
	double n_open_fds, max_fds;
};

/* Some system calls. Threads: any. */
void process_look(struct process_state *out);

#endif
