// Hostile numbers of subscriptions: none, a million, and those whose size in bytes overflows 32
// bits. A host may also trap on a bad pointer. Therefore: without argument all cases run in order;
// with an argument of N letters only case N runs; past the last case the exit code is 99.
#include "p1.h"

enum { SUBSCRIPTION_BYTES = 48, EVENT_BYTES = 32, MILLION = 1000000 };

static unsigned char in[SUBSCRIPTION_BYTES * 4], events[EVENT_BYTES * 4];
static u32 count;

// Fresh memory is zero, and 48 zero bytes are a timer on the real-time clock that has run out.
static u32 million(int overlapping) {
    u32 pages = (MILLION * (SUBSCRIPTION_BYTES + EVENT_BYTES) >> 16) + 1;
    unsigned long start = __builtin_wasm_memory_grow(0, pages);
    if (start == (unsigned long)-1) {
        say("a million do not fit in memory\n");
        return SUCCESS;
    }
    u32 from = (u32)start << 16, to = overlapping ? from : from + MILLION * SUBSCRIPTION_BYTES;
    u32 code = poll_oneoff(from, to, MILLION, AT(&count));
    if (code == SUCCESS)
        say(count <= MILLION && count > 0 ? "no more events than asked for\n" : "BAD COUNT\n");
    return code;
}

static u32 chosen, next;

#define CASE(what, call)                                                                           \
    if (chosen == 0 || chosen == ++next) {                                                         \
        u32 code = call;                                                                           \
        say_code(what, code);                                                                      \
    }

EXPORT(_start) void _start(void) {
    static u32 sizes[2], argv[4];
    static char text[256];
    if (!args_sizes_get(AT(&sizes[0]), AT(&sizes[1])) && sizes[0] >= 2 && sizes[0] <= 4 &&
        sizes[1] <= sizeof text && !args_get(AT(argv), AT(text)))
        chosen = (u32)strlen((const char *)(unsigned long)argv[1]);

    u32 from = AT(in), to = AT(events), n = AT(&count);
    CASE("none", poll_oneoff(from, to, 0, n))
    CASE("one", poll_oneoff(from, to, 1, n))
    CASE("a million without memory for them", poll_oneoff(from, to, MILLION, n))
    CASE("2^27, events are 2^32 bytes", poll_oneoff(from, to, 1u << 27, n))
    CASE("89478486, subscriptions are 2^32 + 32 bytes", poll_oneoff(from, to, 89478486, n))
    CASE("2^28", poll_oneoff(from, to, 1u << 28, n))
    CASE("2^31", poll_oneoff(from, to, 1u << 31, n))
    CASE("u32::MAX", poll_oneoff(from, to, 0xffffffffu, n))
    CASE("events out of bounds", poll_oneoff(from, 0xffffffe0u, 1, n))
    CASE("a million", million(0))
    CASE("a million, events over the subscriptions", million(1))
    if (chosen > next && chosen)
        proc_exit(99);
}
