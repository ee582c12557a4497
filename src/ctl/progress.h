/*
 * How far a long command is: one line on stderr that is drawn over and over, when that is a terminal and not otherwise.
 * One at a time; numeterctl has one thread.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdint.h>

/* "title  [####    ]  52 %  5200 of 10000  1300/s, 4 s left". title: borrowed until progress_end(). total 0: not known. */
void progress_start(const char *title, uint64_t total);
/* n more are done. Cheap: drawn at most ten times a second. */
void progress_step(uint64_t n);
/* Take the line away. Also before something else is printed: the next progress_step() draws it again. */
void progress_hide(void);
void progress_end(void);

#endif
