// A table of 20,000 rows in a file, an index, a query and a check. Linked with SQLite.
#include "sqlite3.h"
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *db;

static void run(const char *text, int (*row)(void *, int, char **, char **)) {
    char *why = NULL;
    if (sqlite3_exec(db, text, row, NULL, &why) != SQLITE_OK) {
        printf("%s: %s\n", text, why);
        exit(1);
    }
}

static int print_row(void *unused, int count, char **values, char **names) {
    for (int i = 0; i < count; i++)
        printf("%s=%s%s", names[i], values[i], i + 1 < count ? " " : "\n");
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix-none") != SQLITE_OK)
        return 2;
    run("PRAGMA journal_mode=MEMORY", NULL);
    run("CREATE TABLE reading(id INTEGER PRIMARY KEY, place TEXT, value REAL)", NULL);
    run("BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) "
        "INSERT INTO reading(place, value) SELECT 'place ' || (i % 97), (i * 7919 % 1009) / 10.0 FROM n; COMMIT", NULL);
    run("CREATE INDEX by_place ON reading(place)", NULL);
    run("SELECT place, count(*) n, round(avg(value),3) mean FROM reading GROUP BY place ORDER BY mean DESC, place LIMIT 3", print_row);
    run("PRAGMA integrity_check", print_row);
    return sqlite3_close(db);
}
