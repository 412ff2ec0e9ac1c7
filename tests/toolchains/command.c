// Says what it was given, and ends with 7: arguments, a variable, a file, the clocks. What `go/command` and
// `command.ts` do too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now(clockid_t clock) {
    struct timespec at;
    return clock_gettime(clock, &at) ? -1 : at.tv_sec * 1000000000LL + at.tv_nsec;
}

int main(int argc, char **argv) {
    printf("args:");
    for (int n = 1; n < argc; n++)
        printf(" [%s]", argv[n]);
    const char *greeting = getenv("GREETING"), *secret = getenv("SECRET");
    printf("\nGREETING: %s, SECRET: %s\n", greeting ? greeting : "unset", secret ? secret : "unset");

    char text[64] = "";
    FILE *in = fopen("/data/in.txt", "r");
    if (in && fgets(text, sizeof text, in))
        text[strcspn(text, "\n")] = 0;
    FILE *out = fopen("/data/out.txt", "w");
    int wrote = out && fprintf(out, "%s, read\n", text) > 0 && fclose(out) == 0;
    FILE *outside = fopen("/data/../secret.txt", "r");
    printf("read: %s, wrote: %s, outside: %s\n", in ? text : "no", wrote ? "yes" : "no", outside ? "yes" : "no");

    long long before = now(CLOCK_MONOTONIC), after = now(CLOCK_MONOTONIC);
    int is_today = now(CLOCK_REALTIME) / 1000000000 > 1700000000;
    printf("clocks: %s\n", before >= 0 && after >= before && is_today ? "go" : "stand");
    return 7;
}
