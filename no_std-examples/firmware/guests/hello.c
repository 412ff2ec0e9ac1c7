// The canonical first program, in C with a WASI libc. Built, by Debian's clang-16 and wasi-libc, with
//   clang-16 --target=wasm32-wasi -Oz -flto -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=8192 \
//     -Wl,--initial-memory=65536 -Wl,--max-memory=65536 -o hello.wasm hello.c
#include <stdio.h>

int main(void) {
    puts("hello, world");
    return 0;
}
