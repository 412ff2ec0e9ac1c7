"""Writes what makes a command of @ruby/3.4-wasm-wasi's module, which is a library for a page's JavaScript:

    ruby.py RUBY.wasm SCRIPT.rb FOLDER

one module for each that it imports besides WASI (handles are what they stand for, and what would be JavaScript traps), and
`driver.wat`, whose `_start` does what its JavaScript does: initialise, and evaluate a text. wasm-merge makes them one.
"""

import sys

VALUES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"}
ARGUMENTS = ["ruby", "-EUTF-8", "-e_=0"]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 8

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    def bytes(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length : self.at]


def imports(data):
    """Module, name and type of each imported function that is not of WASI."""
    reader, types, found = Reader(data), [], {}
    while reader.at < len(data):
        section = reader.byte()
        end = reader.number() + reader.at
        if section == 1:
            for _ in range(reader.number()):
                assert reader.byte() == 0x60
                types.append([[VALUES[it] for it in reader.bytes()] for _ in range(2)])
        if section == 2:
            for _ in range(reader.number()):
                module, name = reader.bytes().decode(), reader.bytes().decode()
                assert reader.byte() == 0
                type = types[reader.number()]
                if module != "wasi_snapshot_preview1":
                    found.setdefault(module, []).append((name, *type))
            return found
        reader.at = end
    return found


def stand_in(name, params, results):
    body = "unreachable"
    if name.startswith(("resource_new_", "resource_get_")):
        body = "local.get 0"
    if name.startswith("resource_drop_"):
        body = ""
    return f'(func (export "{name}") (param {" ".join(params)}) (result {" ".join(results)}) {body})\n'


def text(data):
    return "".join(f"\\{byte:02x}" for byte in data)


def driver(script):
    arguments = b"".join(it.encode() + b"\0" for it in ARGUMENTS)
    pairs, offset = "", 0
    for number, argument in enumerate(ARGUMENTS):
        length = len(argument) + 1
        pairs += f"(i32.store offset={8 * number} (local.get $list) (i32.add (local.get $text) (i32.const {offset})))\n"
        pairs += f"(i32.store offset={8 * number + 4} (local.get $list) (i32.const {length}))\n"
        offset += length
    eval = "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    return f"""(module
(import "ruby" "memory" (memory 0))
(import "ruby" "_initialize" (func $initialize))
(import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
(import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
(import "ruby" "{eval}" (func $eval (param i32 i32) (result i32)))
(data $arguments "{text(arguments)}")
(data $script "{text(script)}")
(func $room (param $bytes i32) (result i32)
  (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (local.get $bytes)))
(func (export "_start") (local $list i32) (local $text i32)
  (call $initialize)
  (local.set $text (call $room (i32.const {len(arguments)})))
  (memory.init $arguments (local.get $text) (i32.const 0) (i32.const {len(arguments)}))
  (local.set $list (call $room (i32.const {8 * len(ARGUMENTS)})))
  {pairs}
  (call $init (local.get $list) (i32.const {len(ARGUMENTS)}))
  (local.set $text (call $room (i32.const {len(script)})))
  (memory.init $script (local.get $text) (i32.const 0) (i32.const {len(script)}))
  (if (i32.load offset=4 (call $eval (local.get $text) (i32.const {len(script)}))) (then unreachable))))
"""


def main(ruby, script, folder):
    for module, functions in imports(open(ruby, "rb").read()).items():
        with open(f"{folder}/{module}.wat", "w") as out:
            out.write("(module\n" + "".join(stand_in(*it) for it in functions) + ")\n")
    with open(f"{folder}/driver.wat", "w") as out:
        out.write(driver(open(script, "rb").read()))


main(*sys.argv[1:])
