// Hostile pointers and lengths for every function of WASI 0.1, one case a line with its errno.
// A host may also trap on a bad pointer. Therefore: without argument all cases run in order; with
// argument N only case N runs; past the last case the exit code is 99.
#include "p1.h"

#define MAX 0xffffffffu
#define MEMORY_BYTES ((u32)__builtin_wasm_memory_size(0) << 16)

static struct iov iovs[1024];
static char buffer[1024];
static u32 out[16];
static const char path[] = "iov-attack.tmp";

static u32 write_one(u32 at, u32 len) {
    iovs[0] = (struct iov){at, len};
    return fd_write(STDOUT, AT(iovs), 1, AT(out));
}

static u32 write_two(u32 at, u32 len) {
    iovs[0] = (struct iov){AT("part "), 5};
    iovs[1] = (struct iov){at, len};
    return fd_write(STDOUT, AT(iovs), 2, AT(out));
}

// 1,024 buffers that are all the same 1,024 bytes: 1 MiB to write out of 9 KiB.
static u32 write_overlapping(void) {
    u32 fd = MAX;
    for (u32 i = 0; i < 1024; i++)
        iovs[i] = (struct iov){AT(buffer), sizeof buffer};
    path_open(PREOPEN, 0, AT(path), sizeof path - 1, OFLAGS_CREAT, RIGHTS_READ_WRITE, 0, 0,
              AT(&fd));
    u32 code = fd_write(fd, AT(iovs), 1024, AT(out));
    fd_close(fd);
    path_unlink_file(PREOPEN, AT(path), sizeof path - 1);
    return code;
}

// Each buffer lies in memory, their lengths add up to more than 2^32. Reads, so that a host that
// believes it has nothing but an empty stdin to answer from.
static u32 read_sum_overflow(void) {
    if (__builtin_wasm_memory_grow(0, 14) == (unsigned long)-1)
        return SUCCESS;
    u32 len = MEMORY_BYTES;
    struct iov *many = (struct iov *)(unsigned long)(len / 2);
    u32 count = len / 2 / sizeof *many;
    for (u32 i = 0; i < count; i++)
        many[i] = (struct iov){0, i ? len : 0};
    return fd_read(0, AT(many), count, AT(out));
}

// The bytes that are read land on the list that says where they go.
static u32 read_over_the_list(void) {
    iovs[0] = (struct iov){AT(iovs), sizeof(struct iov) * 2};
    iovs[1] = (struct iov){AT(buffer), sizeof buffer};
    return fd_read(0, AT(iovs), 2, AT(out));
}

static u32 write_result_over_the_list(void) {
    iovs[0] = (struct iov){AT("over\n"), 5};
    return fd_write(STDOUT, AT(iovs), 1, AT(iovs));
}

static u32 chosen, next;

// Whether the case that comes now is to run.
static int turn(void) {
    u32 number = next++;
    return chosen == MAX || chosen == number;
}

#define CASE(what, call)                                                                           \
    if (turn()) {                                                                                  \
        u32 code = call;                                                                           \
        say_code(what, code);                                                                      \
    }

static void lists(void) {
    u32 end = MEMORY_BYTES;
    iovs[0] = (struct iov){AT("x"), 0};
    CASE("fd_write, list at u32::MAX", fd_write(STDOUT, MAX, 1, AT(out)))
    CASE("fd_write, list ends after memory", fd_write(STDOUT, end - 4, 1, AT(out)))
    CASE("fd_write, list unaligned", fd_write(STDOUT, AT(iovs) + 512 * 8 + 1, 1, AT(out)))
    CASE("fd_write, empty list", fd_write(STDOUT, AT(iovs), 0, AT(out)))
    CASE("fd_write, empty list at u32::MAX", fd_write(STDOUT, MAX, 0, AT(out)))
    CASE("fd_write, 2^28 buffers", fd_write(STDOUT, AT(iovs), 1u << 28, AT(out)))
    CASE("fd_write, 2^29 buffers", fd_write(STDOUT, AT(iovs), 1u << 29, AT(out)))
    CASE("fd_write, 2^29 + 1 buffers", fd_write(STDOUT, AT(iovs), (1u << 29) + 1, AT(out)))
    CASE("fd_write, u32::MAX buffers", fd_write(STDOUT, AT(iovs), MAX, AT(out)))
    CASE("fd_write, buffer at u32::MAX", write_one(MAX, 1))
    CASE("fd_write, buffer of u32::MAX", write_one(AT(buffer), MAX))
    CASE("fd_write, buffer past memory by one", write_one(end - 8, 9))
    CASE("fd_write, empty buffer at the end", write_one(end, 0))
    CASE("fd_write, empty buffer past the end", write_one(end + 1, 0))
    CASE("fd_write, empty buffer at u32::MAX", write_one(MAX, 0))
    CASE("fd_write, second buffer out of bounds", write_two(end, 1))
    CASE("fd_write, lengths add up to 2^32", write_two(AT(buffer), MAX - 4))
    CASE("fd_write, lengths add up to 2^32 + 4", write_two(AT(buffer), MAX))
    CASE("fd_write, result at u32::MAX", (iovs[0].len = 0, fd_write(STDOUT, AT(iovs), 1, MAX)))
    CASE("fd_write, result ends after memory", fd_write(STDOUT, AT(iovs), 1, end - 2))
    CASE("fd_write, result unaligned", fd_write(STDOUT, AT(iovs), 1, AT(out) + 1))
    CASE("fd_write, result over the list", write_result_over_the_list())
    CASE("fd_write, 1,024 times the same buffer", write_overlapping())
    CASE("fd_read, over its own list", read_over_the_list())
    CASE("fd_read, lengths in memory add up past 2^32", read_sum_overflow())
}

static void args_clock_random(u32 n) {
    CASE("args_get", args_get(MAX, MAX))
    CASE("args_sizes_get", args_sizes_get(MAX, MAX))
    CASE("environ_get", environ_get(MAX, MAX))
    CASE("environ_sizes_get", environ_sizes_get(MAX, MAX))
    CASE("clock_res_get", clock_res_get(0, MAX))
    CASE("clock_res_get, clock u32::MAX", clock_res_get(MAX, MAX))
    CASE("clock_time_get", clock_time_get(0, 0, MAX))
    CASE("clock_time_get, clock u32::MAX", clock_time_get(MAX, ~0ull, AT(out)))
    CASE("poll_oneoff", poll_oneoff(MAX, MAX, n, MAX))
    CASE("proc_raise", proc_raise(255))
    CASE("random_get", random_get(MAX, n))
    CASE("sched_yield", sched_yield())
}

static void descriptors(u32 fd, u32 n) {
    CASE("fd_advise", fd_advise(fd, ~0ull, ~0ull, MAX))
    CASE("fd_allocate", fd_allocate(fd, ~0ull, ~0ull))
    CASE("fd_close", fd_close(MAX))
    CASE("fd_datasync", fd_datasync(MAX))
    CASE("fd_fdstat_get", fd_fdstat_get(fd, MAX))
    CASE("fd_fdstat_set_flags", fd_fdstat_set_flags(fd, MAX))
    CASE("fd_fdstat_set_rights", fd_fdstat_set_rights(fd, ~0ull, ~0ull))
    CASE("fd_filestat_get", fd_filestat_get(fd, MAX))
    CASE("fd_filestat_set_size", fd_filestat_set_size(fd, ~0ull))
    CASE("fd_filestat_set_times", fd_filestat_set_times(fd, ~0ull, ~0ull, MAX))
    CASE("fd_pread", fd_pread(fd, MAX, n, ~0ull, MAX))
    CASE("fd_prestat_get", fd_prestat_get(fd, MAX))
    CASE("fd_prestat_dir_name", fd_prestat_dir_name(fd, MAX, n))
    CASE("fd_pwrite", fd_pwrite(fd, MAX, n, ~0ull, MAX))
    CASE("fd_read", fd_read(fd, MAX, n, MAX))
    CASE("fd_readdir", fd_readdir(fd, MAX, n, ~0ull, MAX))
    CASE("fd_renumber", fd_renumber(fd, MAX))
    CASE("fd_seek", fd_seek(fd, ~0ull, MAX, MAX))
    CASE("fd_sync", fd_sync(MAX))
    CASE("fd_tell", fd_tell(fd, MAX))
    CASE("fd_write", fd_write(fd, MAX, n, MAX))
    CASE("sock_accept", sock_accept(fd, MAX, MAX))
    CASE("sock_recv", sock_recv(fd, MAX, n, MAX, MAX, MAX))
    CASE("sock_send", sock_send(fd, MAX, n, MAX, MAX))
    CASE("sock_shutdown", sock_shutdown(fd, MAX))
}

static void paths(u32 fd, u32 n) {
    u32 p = AT(path), l = sizeof path - 1;
    CASE("path_create_directory", path_create_directory(fd, MAX, n))
    CASE("path_filestat_get", path_filestat_get(fd, MAX, MAX, n, MAX))
    CASE("path_filestat_get, result", path_filestat_get(fd, 0, AT("."), 1, MAX))
    CASE("path_filestat_set_times", path_filestat_set_times(fd, MAX, MAX, n, ~0ull, ~0ull, MAX))
    CASE("path_link, old path", path_link(fd, MAX, MAX, n, fd, p, l))
    CASE("path_link, new path", path_link(fd, 0, p, l, fd, MAX, n))
    CASE("path_open", path_open(fd, MAX, MAX, n, MAX, ~0ull, ~0ull, MAX, MAX))
    CASE("path_open, result", path_open(fd, 0, AT("."), 1, 0, 0, 0, 0, MAX))
    CASE("path_readlink", path_readlink(fd, MAX, n, MAX, n, MAX))
    CASE("path_readlink, buffer", path_readlink(fd, p, l, MAX, n, MAX))
    CASE("path_remove_directory", path_remove_directory(fd, MAX, n))
    CASE("path_rename, old path", path_rename(fd, MAX, n, fd, p, l))
    CASE("path_rename, new path", path_rename(fd, p, l, fd, MAX, n))
    CASE("path_symlink, target", path_symlink(MAX, n, fd, p, l))
    CASE("path_symlink, path", path_symlink(p, l, fd, MAX, n))
    CASE("path_unlink_file", path_unlink_file(fd, MAX, n))
}

// The first argument as a number; MAX if there is none.
static u32 argument(void) {
    if (args_sizes_get(AT(&out[0]), AT(&out[1])) || out[0] < 2 || out[0] > 4 || out[1] > 1024 ||
        args_get(AT(&out[2]), AT(buffer)))
        return MAX;
    u32 number = 0;
    for (const char *at = (const char *)(unsigned long)out[3]; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (u32)(*at - '0');
    return number;
}

EXPORT(_start) void _start(void) {
    static const u32 lengths[] = {MAX, 1, 0};
    chosen = argument();
    lists();
    for (u32 i = 0; i < 3; i++) {
        if (chosen == MAX) {
            say("length ");
            say_number(lengths[i]);
            say("\n");
        }
        args_clock_random(lengths[i]);
        descriptors(0, lengths[i]);
        descriptors(PREOPEN, lengths[i]);
        descriptors(MAX, lengths[i]);
        paths(PREOPEN, lengths[i]);
    }
    if (chosen != MAX && chosen >= next)
        proc_exit(99);
}
