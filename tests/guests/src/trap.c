// Traps three calls below main. The module keeps its name section, so that a host can say
// `inner`, `middle`, `outer`. The first argument chooses the trap.
#include <stdio.h>
#include <string.h>

#define KEEP __attribute__((noinline, optnone))

static volatile int zero = 0;
static volatile unsigned beyond = 0xfffffff0u;
static void (*volatile nowhere)(void) = 0;

KEEP static int recurse(int depth) {
    return depth < 0 ? depth : recurse(depth + 1) + 1;
}

// A pointer of the wrong type, behind a volatile so that the call stays indirect.
static int (*volatile recursion)(int) = recurse;

KEEP static int inner(const char *kind) {
    if (!strcmp(kind, "divide"))
        return 1 / zero;
    if (!strcmp(kind, "memory"))
        return *(volatile int *)beyond;
    if (!strcmp(kind, "table")) {
        nowhere();
        return 0;
    }
    if (!strcmp(kind, "signature"))
        return (int)((long long (*)(long long))recursion)(1);
    if (!strcmp(kind, "stack"))
        return recurse(0);
    __builtin_trap();
}

KEEP static int middle(const char *kind) { return inner(kind) + 1; }

KEEP static int outer(const char *kind) { return middle(kind) + 1; }

int main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "unreachable";
    puts("before the trap");
    fflush(stdout);
    outer(kind);
    puts("after the trap");
    return 0;
}
