// All of WASI 0.1, declared with plain numbers instead of types: these guests lie about pointers.
#pragma once
typedef unsigned int u32;
typedef unsigned long long u64;

#define P1(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
#define NAME(name) P1(name) u32 name

NAME(args_get)(u32 argv, u32 buf);
NAME(args_sizes_get)(u32 count, u32 size);
NAME(environ_get)(u32 environ, u32 buf);
NAME(environ_sizes_get)(u32 count, u32 size);
NAME(clock_res_get)(u32 id, u32 out);
NAME(clock_time_get)(u32 id, u64 precision, u32 out);
NAME(fd_advise)(u32 fd, u64 offset, u64 len, u32 advice);
NAME(fd_allocate)(u32 fd, u64 offset, u64 len);
NAME(fd_close)(u32 fd);
NAME(fd_datasync)(u32 fd);
NAME(fd_fdstat_get)(u32 fd, u32 out);
NAME(fd_fdstat_set_flags)(u32 fd, u32 flags);
NAME(fd_fdstat_set_rights)(u32 fd, u64 base, u64 inheriting);
NAME(fd_filestat_get)(u32 fd, u32 out);
NAME(fd_filestat_set_size)(u32 fd, u64 size);
NAME(fd_filestat_set_times)(u32 fd, u64 atim, u64 mtim, u32 flags);
NAME(fd_pread)(u32 fd, u32 iovs, u32 count, u64 offset, u32 out);
NAME(fd_prestat_get)(u32 fd, u32 out);
NAME(fd_prestat_dir_name)(u32 fd, u32 path, u32 len);
NAME(fd_pwrite)(u32 fd, u32 iovs, u32 count, u64 offset, u32 out);
NAME(fd_read)(u32 fd, u32 iovs, u32 count, u32 out);
NAME(fd_readdir)(u32 fd, u32 buf, u32 len, u64 cookie, u32 out);
NAME(fd_renumber)(u32 fd, u32 to);
NAME(fd_seek)(u32 fd, u64 offset, u32 whence, u32 out);
NAME(fd_sync)(u32 fd);
NAME(fd_tell)(u32 fd, u32 out);
NAME(fd_write)(u32 fd, u32 iovs, u32 count, u32 out);
NAME(path_create_directory)(u32 fd, u32 path, u32 len);
NAME(path_filestat_get)(u32 fd, u32 flags, u32 path, u32 len, u32 out);
NAME(path_filestat_set_times)
(u32 fd, u32 flags, u32 path, u32 len, u64 atim, u64 mtim, u32 fst_flags);
NAME(path_link)
(u32 old_fd, u32 old_flags, u32 old_path, u32 old_len, u32 new_fd, u32 new_path, u32 new_len);
NAME(path_open)
(u32 fd, u32 dirflags, u32 path, u32 len, u32 oflags, u64 base, u64 inheriting, u32 fdflags,
 u32 out);
NAME(path_readlink)(u32 fd, u32 path, u32 len, u32 buf, u32 buf_len, u32 out);
NAME(path_remove_directory)(u32 fd, u32 path, u32 len);
NAME(path_rename)(u32 fd, u32 old_path, u32 old_len, u32 new_fd, u32 new_path, u32 new_len);
NAME(path_symlink)(u32 old_path, u32 old_len, u32 fd, u32 new_path, u32 new_len);
NAME(path_unlink_file)(u32 fd, u32 path, u32 len);
NAME(poll_oneoff)(u32 in, u32 out, u32 count, u32 events);
NAME(proc_raise)(u32 signal);
NAME(random_get)(u32 buf, u32 len);
NAME(sched_yield)(void);
NAME(sock_accept)(u32 fd, u32 flags, u32 out);
NAME(sock_recv)(u32 fd, u32 iovs, u32 count, u32 flags, u32 out, u32 out_flags);
NAME(sock_send)(u32 fd, u32 iovs, u32 count, u32 flags, u32 out);
NAME(sock_shutdown)(u32 fd, u32 how);
P1(proc_exit) _Noreturn void proc_exit(u32 code);

#define AT(object) ((u32)(unsigned long)(object))
#define EXPORT(name) __attribute__((export_name(#name)))

enum {
    SUCCESS = 0,
    STDOUT = 1,
    PREOPEN = 3,
    OFLAGS_CREAT = 1,
    RIGHTS_READ_WRITE = 1 << 1 | 1 << 6,
};

struct iov {
    u32 at, len;
};

// No C library is linked, and the compiler may call this one by name.
__attribute__((used)) unsigned long strlen(const char *text) {
    unsigned long len = 0;
    while (text[len])
        len++;
    return len;
}

static inline void say(const char *text) {
    struct iov iov = {AT(text), (u32)strlen(text)};
    u32 written;
    fd_write(STDOUT, AT(&iov), 1, AT(&written));
}

static inline void say_number(u32 number) {
    char text[11], *at = text + 10;
    *at = 0;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    say(at);
}

// "what: errno N", or "what: ok".
static inline void say_code(const char *what, u32 code) {
    say(what);
    say(code == SUCCESS ? ": ok" : ": errno ");
    if (code != SUCCESS)
        say_number(code);
    say("\n");
}
