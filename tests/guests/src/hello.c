// The smallest libc program worth running: one line for each argument, in one memory page.
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc < 2)
        puts("hello, world");
    for (int i = 1; i < argc; i++) {
        fputs("hello, ", stdout);
        puts(argv[i]);
    }
    return 0;
}
