// Clocks and waits, told in sentences that are the same on a real and on a virtual clock.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#define MS 1000000ull

static int failures;

static void check(const char *what, int holds) {
    printf("%s: %s\n", what, holds ? "yes" : "no");
    failures += !holds;
}

static uint64_t now(__wasi_clockid_t id) {
    __wasi_timestamp_t at = 0;
    if (__wasi_clock_time_get(id, 1, &at) != __WASI_ERRNO_SUCCESS)
        check("clock_time_get answers", 0);
    return at;
}

static __wasi_subscription_t timer(uint64_t userdata, __wasi_clockid_t id, uint64_t timeout_ns,
                                   __wasi_subclockflags_t flags) {
    __wasi_subscription_t s = {.userdata = userdata};
    s.u.tag = __WASI_EVENTTYPE_CLOCK;
    s.u.u.clock.id = id;
    s.u.u.clock.timeout = timeout_ns;
    s.u.u.clock.flags = flags;
    return s;
}

// One timer alone: it must fire, be the one asked for, and not before its time by its own clock.
static void wait_once(const char *what, __wasi_clockid_t id, uint64_t timeout_ns, int absolute) {
    __wasi_subclockflags_t flags = absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0;
    __wasi_subscription_t in = timer(7, id, timeout_ns, flags);
    __wasi_event_t out = {0};
    __wasi_size_t count = 0;
    uint64_t deadline = absolute ? timeout_ns : now(id) + timeout_ns;
    __wasi_errno_t code = __wasi_poll_oneoff(&in, &out, 1, &count);
    check(what, code == __WASI_ERRNO_SUCCESS && count == 1 && out.userdata == 7 &&
                    out.error == __WASI_ERRNO_SUCCESS && out.type == __WASI_EVENTTYPE_CLOCK &&
                    now(id) >= deadline);
}

static void read_clocks(void) {
    __wasi_timestamp_t step = 0;
    check("monotonic clock has a resolution",
          __wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &step) == 0 && step > 0);
    check("realtime clock has a resolution",
          __wasi_clock_res_get(__WASI_CLOCKID_REALTIME, &step) == 0 && step > 0);

    int ordered = 1;
    uint64_t last = now(__WASI_CLOCKID_MONOTONIC);
    for (int i = 0; i < 100; i++) {
        uint64_t next = now(__WASI_CLOCKID_MONOTONIC);
        ordered &= next >= last;
        last = next;
    }
    check("monotonic clock never went back", ordered);
}

static void wait_on_two(void) {
    __wasi_subscription_t in[2] = {
        timer(1, __WASI_CLOCKID_MONOTONIC, 3600000 * MS, 0),
        timer(2, __WASI_CLOCKID_MONOTONIC, 10 * MS, 0),
    };
    __wasi_event_t out[2] = {{0}};
    __wasi_size_t count = 0;
    __wasi_errno_t code = __wasi_poll_oneoff(in, out, 2, &count);
    check("of 10 ms and 1 h only the first fired",
          code == __WASI_ERRNO_SUCCESS && count == 1 && out[0].userdata == 2);
}

int main(void) {
    read_clocks();

    uint64_t start = now(__WASI_CLOCKID_MONOTONIC);
    struct timespec nap = {.tv_nsec = 50 * MS};
    int rc = nanosleep(&nap, NULL);
    check("slept at least 50 ms", rc == 0 && now(__WASI_CLOCKID_MONOTONIC) - start >= 50 * MS);

    const __wasi_clockid_t monotonic = __WASI_CLOCKID_MONOTONIC, realtime = __WASI_CLOCKID_REALTIME;
    wait_once("waited 20 ms, relative, monotonic", monotonic, 20 * MS, 0);
    wait_once("waited 20 ms, relative, realtime", realtime, 20 * MS, 0);
    wait_once("waited 20 ms, absolute, monotonic", monotonic, now(monotonic) + 20 * MS, 1);
    wait_once("waited 20 ms, absolute, realtime", realtime, now(realtime) + 20 * MS, 1);
    wait_once("a deadline in the past fires at once", monotonic, 0, 1);
    wait_once("a timeout of zero fires at once", monotonic, 0, 0);
    wait_on_two();
    return failures != 0;
}
