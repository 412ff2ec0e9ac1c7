// A file-system exerciser. Works in a directory of its own below the first preopen and prints a
// transcript without inode numbers, times or directory sizes, so that it is the same on every
// host that keeps the rules. Whatever a host does not support shows as the errno's name.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PREOPEN 3
#define HOME "files.tmp"

static const char *errno_name(int code) {
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {EACCES, "EACCES"},   {EBADF, "EBADF"},         {EBUSY, "EBUSY"},
        {EDQUOT, "EDQUOT"},   {EEXIST, "EEXIST"},       {EFBIG, "EFBIG"},
        {EINVAL, "EINVAL"},   {EIO, "EIO"},             {EISDIR, "EISDIR"},
        {ELOOP, "ELOOP"},     {EMFILE, "EMFILE"},       {EMLINK, "EMLINK"},
        {ENAMETOOLONG, "ENAMETOOLONG"}, {ENFILE, "ENFILE"}, {ENOENT, "ENOENT"},
        {ENOMEM, "ENOMEM"},   {ENOSPC, "ENOSPC"},       {ENOSYS, "ENOSYS"},
        {ENOTCAPABLE, "ENOTCAPABLE"}, {ENOTDIR, "ENOTDIR"}, {ENOTEMPTY, "ENOTEMPTY"},
        {ENOTSUP, "ENOTSUP"}, {EPERM, "EPERM"},         {EROFS, "EROFS"},
        {ESPIPE, "ESPIPE"},   {EXDEV, "EXDEV"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code)
            return names[i].name;
    return "another errno";
}

// Prints what was tried and its result: a count, "ok" for 0, or why not.
static long say(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, errno_name(errno));
    else if (result == 0)
        printf("%s: ok\n", what);
    else
        printf("%s: %ld\n", what, result);
    return result;
}

// The path below HOME. Two may be in use at once.
static const char *in_home(const char *path) {
    static char full[2][96];
    static int turn;
    turn ^= 1;
    snprintf(full[turn], sizeof full[turn], HOME "/%s", path);
    return full[turn];
}

static int open_file(const char *what, const char *path, int flags) {
    int fd = openat(PREOPEN, in_home(path), flags, 0644);
    say(what, fd < 0 ? -1 : 0);
    return fd;
}

static void say_content(const char *path) {
    char text[64];
    int fd = openat(PREOPEN, in_home(path), O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (got < 0)
        printf("content of %s: %s\n", path, errno_name(errno));
    else
        printf("content of %s: \"%.*s\"\n", path, (int)got, text);
    close(fd);
}

static void say_stat(const char *path, int flags) {
    struct stat st;
    if (fstatat(PREOPEN, in_home(path), &st, flags) < 0)
        printf("stat %s: %s\n", path, errno_name(errno));
    else if (S_ISDIR(st.st_mode))
        printf("stat %s: directory\n", path);
    else if (S_ISLNK(st.st_mode))
        printf("stat %s: symbolic link\n", path);
    else if (S_ISREG(st.st_mode))
        printf("stat %s: file, %lld bytes, %d links\n", path, (long long)st.st_size,
               (int)st.st_nlink);
    else
        printf("stat %s: something else\n", path);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path) {
    char *names[64];
    size_t count = 0;
    int fd = openat(PREOPEN, in_home(path), O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        printf("list %s: %s\n", path, errno_name(errno));
        return;
    }
    for (struct dirent *e; count < 64 && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            names[count++] = strdup(e->d_name);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    printf("list %s:", path);
    for (size_t i = 0; i < count; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void write_and_seek(void) {
    int fd = open_file("create a.txt", "a.txt", O_RDWR | O_CREAT | O_EXCL);
    open_file("create a.txt again", "a.txt", O_RDWR | O_CREAT | O_EXCL);
    say("write", write(fd, "hello, file", 11));
    struct iovec parts[2] = {{"one ", 4}, {"two", 3}};
    say("write two parts", writev(fd, parts, 2));
    say("tell", lseek(fd, 0, SEEK_CUR));
    say("seek to 7", lseek(fd, 7, SEEK_SET));
    say("write over", write(fd, "FILE", 4));
    say("seek before the start", lseek(fd, -1, SEEK_SET));
    say("seek to the end", lseek(fd, 0, SEEK_END));
    char text[8] = {0};
    say("read at 0", pread(fd, text, 5, 0));
    printf("read: \"%s\"\n", text);
    say("write at 20", pwrite(fd, "gap", 3, 20));
    say("tell", lseek(fd, 0, SEEK_CUR));
    say_stat("a.txt", 0);
    say("truncate to 5", ftruncate(fd, 5));
    say("read past the end", pread(fd, text, 5, 5));
    say("extend to 8", ftruncate(fd, 8));
    say("sync", fsync(fd));
    say("close", close(fd));
    say("close again", close(fd));
    say("write when closed", write(fd, "x", 1));
    say_stat("a.txt", 0);

    fd = open_file("append", "a.txt", O_WRONLY | O_APPEND);
    say("write", write(fd, "end", 3));
    say("read what is open for writing", read(fd, text, 1));
    close(fd);
    say_stat("a.txt", 0);
    fd = open_file("open with truncation", "a.txt", O_WRONLY | O_TRUNC);
    say("write", write(fd, "short", 5));
    close(fd);
    say_content("a.txt");
}

static void directories(void) {
    say("make d", mkdirat(PREOPEN, in_home("d"), 0755));
    say("make d again", mkdirat(PREOPEN, in_home("d"), 0755));
    say("make x/y without x", mkdirat(PREOPEN, in_home("x/y"), 0755));
    say("make d/e", mkdirat(PREOPEN, in_home("d/e"), 0755));
    close(open_file("create d/b.txt", "d/b.txt", O_WRONLY | O_CREAT));
    close(open_file("create d/e/../c.txt", "d/e/../c.txt", O_WRONLY | O_CREAT));
    list("d");
    say_stat("d", 0);
    open_file("open a file as a directory", "a.txt", O_RDONLY | O_DIRECTORY);
    open_file("open what is not there", "none.txt", O_RDONLY);
    say("remove a directory with entries", unlinkat(PREOPEN, in_home("d"), AT_REMOVEDIR));
    say("remove a file as a directory", unlinkat(PREOPEN, in_home("a.txt"), AT_REMOVEDIR));
    say("rename d/b.txt to b.txt",
        renameat(PREOPEN, in_home("d/b.txt"), PREOPEN, in_home("b.txt")));
    say("rename b.txt over d/c.txt",
        renameat(PREOPEN, in_home("b.txt"), PREOPEN, in_home("d/c.txt")));
    say("rename d to dir", renameat(PREOPEN, in_home("d"), PREOPEN, in_home("dir")));
    say("rename dir into itself", renameat(PREOPEN, in_home("dir"), PREOPEN, in_home("dir/e/dir")));
    say("rename what is not there",
        renameat(PREOPEN, in_home("none.txt"), PREOPEN, in_home("b.txt")));
    list(".");
    list("dir");

    // More entries than one buffer of fd_readdir holds, so that its cookies are used.
    char name[32];
    int made = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "dir/e/entry-with-a-long-name-%02d", i);
        int fd = openat(PREOPEN, in_home(name), O_WRONLY | O_CREAT, 0644);
        made += fd >= 0 && close(fd) == 0;
    }
    say("files made in dir/e", made);
    list("dir/e");
    int gone = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "dir/e/entry-with-a-long-name-%02d", i);
        gone += unlinkat(PREOPEN, in_home(name), 0) == 0;
    }
    say("files removed from dir/e", gone);
}

static void links(void) {
    say("link a.txt as hard", linkat(PREOPEN, in_home("a.txt"), PREOPEN, in_home("hard"), 0));
    say("link over it", linkat(PREOPEN, in_home("a.txt"), PREOPEN, in_home("hard"), 0));
    say_stat("hard", 0);
    say("symlink soft to a.txt", symlinkat("a.txt", PREOPEN, in_home("soft")));
    say("symlink loop to loop", symlinkat("loop", PREOPEN, in_home("loop")));
    say("symlink nowhere to none.txt", symlinkat("none.txt", PREOPEN, in_home("nowhere")));
    say("symlink up to dir/e/../..", symlinkat("dir/e/../..", PREOPEN, in_home("up")));
    say_stat("soft", AT_SYMLINK_NOFOLLOW);
    say_stat("soft", 0);
    say_stat("loop", 0);
    say_stat("nowhere", 0);
    say_content("soft");
    say_content("up/dir/e/../../a.txt");
    open_file("open soft itself", "soft", O_RDONLY | O_NOFOLLOW);
    char target[32] = {0};
    say("read the link", readlinkat(PREOPEN, in_home("up"), target, sizeof target - 1));
    printf("target: \"%s\"\n", target);
    say("read a link that is a file", readlinkat(PREOPEN, in_home("a.txt"), target, sizeof target));
    say("remove a.txt", unlinkat(PREOPEN, in_home("a.txt"), 0));
    say_stat("hard", 0);
    say_content("hard");
    say_content("soft");
}

// How an escape is refused differs between hosts (some refuse the link, some the walk), that it is
// refused does not.
static void say_held(const char *what, const char *path) {
    int fd = openat(PREOPEN, path, O_RDONLY);
    printf("%s: %s\n", what, fd < 0 ? "refused" : "ESCAPED");
    close(fd);
}

static void sandbox(void) {
    say_held("open above the preopen", "..");
    say_held("open by too many dots", HOME "/../../../../../../etc/passwd");
    symlinkat("../../..", PREOPEN, HOME "/out");
    say_held("open through a link out", HOME "/out/etc/passwd");
    symlinkat("/", PREOPEN, HOME "/root");
    say_held("open through a link to the root", HOME "/root/etc/passwd");
    unlinkat(PREOPEN, HOME "/out", 0);
    unlinkat(PREOPEN, HOME "/root", 0);
}

static void clean_up(void) {
    static const char *const files[] = {"hard", "soft", "loop", "nowhere", "up", "dir/c.txt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        printf("remove %s: %s\n", files[i],
               unlinkat(PREOPEN, in_home(files[i]), 0) < 0 ? errno_name(errno) : "ok");
    say("remove dir/e", unlinkat(PREOPEN, in_home("dir/e"), AT_REMOVEDIR));
    say("remove dir", unlinkat(PREOPEN, in_home("dir"), AT_REMOVEDIR));
    list(".");
    say("remove " HOME, unlinkat(PREOPEN, HOME, AT_REMOVEDIR));
}

int main(void) {
    if (say("make " HOME, mkdirat(PREOPEN, HOME, 0755)) < 0)
        return 1;
    write_and_seek();
    directories();
    links();
    sandbox();
    clean_up();
    return 0;
}
