// Says what it was given, and ends with 7, as command.c does. The shim has no files: those are WASI's own calls.
import {
  path_open, fd_read, fd_write, fd_close, oflags, rights, lookupflags, fdflags,
} from "@assemblyscript/wasi-shim/assembly/bindings/wasi_snapshot_preview1";

const GRANT: u32 = 3;

// Whoever makes a component of this takes memory from it: without this, from its end, which is the program's too.
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  return old ? heap.realloc(old, size) : heap.alloc(size);
}

function open(path: string, how: oflags, may: rights): u32 {
  const name = String.UTF8.encode(path);
  const to = memory.data(4);
  const errno = path_open(
    GRANT, lookupflags.SYMLINK_FOLLOW, changetype<usize>(name), name.byteLength, how, may, 0 as rights, 0 as fdflags, to,
  );
  return errno ? 0 : load<u32>(to);
}

function read(path: string): string | null {
  const file = open(path, 0 as oflags, rights.FD_READ);
  if (!file) return null;
  const bytes = new ArrayBuffer(64);
  const vector = memory.data(8), count = memory.data(4);
  store<usize>(vector, changetype<usize>(bytes));
  store<usize>(vector, bytes.byteLength, sizeof<usize>());
  if (fd_read(file, vector, 1, count)) return null;
  fd_close(file);
  return String.UTF8.decode(bytes.slice(0, load<u32>(count)));
}

function write(path: string, text: string): bool {
  const file = open(path, oflags.CREAT | oflags.TRUNC, rights.FD_WRITE);
  if (!file) return false;
  const bytes = String.UTF8.encode(text);
  const vector = memory.data(8), count = memory.data(4);
  store<usize>(vector, changetype<usize>(bytes));
  store<usize>(vector, bytes.byteLength, sizeof<usize>());
  return !fd_write(file, vector, 1, count) && !fd_close(file) && load<u32>(count) == <u32>bytes.byteLength;
}

function variable(name: string): string {
  return process.env.has(name) ? process.env.get(name) : "unset";
}

let args = "args:";
for (let n = 1; n < process.argv.length; n++) args += " [" + process.argv[n] + "]";
console.log(args);
console.log("GREETING: " + variable("GREETING") + ", SECRET: " + variable("SECRET"));

function firstLine(text: string | null): string {
  return text ? text.trim() : "no";
}
const line = firstLine(read("in.txt"));
const wrote = write("out.txt", line + ", read\n") ? "yes" : "no";
const outside = read("../secret.txt") ? "yes" : "no";
console.log("read: " + line + ", wrote: " + wrote + ", outside: " + outside);

const before = process.hrtime();
const isToday = Date.now() / 1000 > 1700000000;
console.log(process.hrtime() >= before && isToday ? "clocks: go" : "clocks: stand");
process.exit(7);
