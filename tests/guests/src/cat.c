// Copies stdin to stdout until the end, byte for byte. Short reads and short writes are normal.
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what) {
    const char *why = strerror(errno);
    (void)!write(2, what, strlen(what));
    (void)!write(2, why, strlen(why));
    (void)!write(2, "\n", 1);
    return 1;
}

int main(void) {
    static char buffer[4096];
    for (;;) {
        ssize_t read_bytes = read(0, buffer, sizeof buffer);
        if (read_bytes < 0)
            return fail("cat: read: ");
        if (read_bytes == 0)
            return 0;
        for (ssize_t at = 0; at < read_bytes;) {
            ssize_t written = write(1, buffer + at, (size_t)(read_bytes - at));
            if (written <= 0)
                return fail("cat: write: ");
            at += written;
        }
    }
}
