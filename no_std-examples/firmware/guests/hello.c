// The canonical first program, in C with a WASI libc. `build.sh` builds it.
#include <stdio.h>

int main(void) {
    puts("hello, world");
    return 0;
}
