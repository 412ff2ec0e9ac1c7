// Opens the same file until the host refuses, closes all, and again: a limit must hold, must be the
// same each time, and everything closed must come back. A million open files end a round, too.
#include "p1.h"

enum { ROUNDS = 5, OPEN_MAX = 1000000 };

static const char path[] = "fd-flood.tmp";
static u32 last_code;

// How many could be opened. The lowest and highest descriptor go to `low` and `high`.
static u32 flood(u32 *low, u32 *high) {
    *low = 0xffffffffu;
    *high = 0;
    for (u32 count = 0;; count++) {
        u32 fd = 0;
        last_code = count == OPEN_MAX ? SUCCESS
                                      : path_open(PREOPEN, 0, AT(path), sizeof path - 1,
                                                  OFLAGS_CREAT, RIGHTS_READ_WRITE, 0, 0, AT(&fd));
        if (last_code != SUCCESS || count == OPEN_MAX)
            return count;
        *low = fd < *low ? fd : *low;
        *high = fd > *high ? fd : *high;
    }
}

EXPORT(_start) void _start(void) {
    u32 first = 0, same = 1, closed_all = 1;
    for (u32 round = 0; round < ROUNDS; round++) {
        u32 low, high, closed = 0, count = flood(&low, &high);
        for (u32 fd = low; count && fd <= high; fd++)
            closed += fd_close(fd) == SUCCESS;
        first = round ? first : count;
        same &= count == first;
        closed_all &= closed == count;
    }
    path_unlink_file(PREOPEN, AT(path), sizeof path - 1);
    say_code("the last open", last_code);
    say(first ? "opened some: yes\n" : "opened some: no\n");
    say(same ? "as many in each round: yes\n" : "as many in each round: no\n");
    say(closed_all ? "all could be closed: yes\n" : "all could be closed: no\n");
    proc_exit(!same || !closed_all);
}
