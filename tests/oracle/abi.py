# Stores values and loads bytes by the specification's own `definitions.py`, for tests/component_oracle.rs. Its folder is
# the only argument. One JSON object a line comes in, one goes out.
import json
import math
import struct
import sys

sys.path.insert(0, sys.argv[1])
import definitions as d

START = 65536
MEMORY = 4 * 65536
PRIMITIVES = {
    "bool": d.BoolType, "s8": d.S8Type, "u8": d.U8Type, "s16": d.S16Type, "u16": d.U16Type, "s32": d.S32Type,
    "u32": d.U32Type, "s64": d.S64Type, "u64": d.U64Type, "f32": d.F32Type, "f64": d.F64Type, "char": d.CharType,
    "string": d.StringType,
}


class Guest(d.LiftLowerContext):
    """A guest whose allocator only goes up, as the one of the test's component does."""

    def __init__(self, encoding, address):
        memory = d.MemInst(bytearray(MEMORY), address)
        super().__init__(d.CanonicalOptions(string_encoding=encoding, memory=memory), None)
        self.at = START

    def reallocate(self, old, old_length, alignment, length):
        to = (self.at + 15) & ~15
        self.opts.memory.bytes[to:to + old_length] = self.opts.memory.bytes[old:old + old_length]
        self.at = to + length
        return to


def ty(t):
    name, *rest = t
    if name in PRIMITIVES:
        return PRIMITIVES[name]()
    some = lambda t: None if t is None else ty(t)
    match name:
        case "list":
            return d.ListType(ty(rest[0]))
        case "tuple":
            return d.TupleType([ty(t) for t in rest[0]])
        case "option":
            return d.OptionType(ty(rest[0]))
        case "result":
            return d.ResultType(some(rest[0]), some(rest[1]))
        case "record":
            return d.RecordType([d.FieldType(f"f{at}", ty(t)) for at, t in enumerate(rest[0])])
        case "variant":
            return d.VariantType([d.CaseType(f"c{at}", some(t)) for at, t in enumerate(rest[0])])
        case "enum":
            return d.EnumType([f"l{at}" for at in range(rest[0])])
        case "flags":
            return d.FlagsType([f"l{at}" for at in range(rest[0])])
    raise ValueError(name)


def value(t, v):
    """A value as the specification's code has it."""
    name, *rest = t
    some = lambda t, v: None if t is None else value(t, v)
    match name:
        case "f32":
            return struct.unpack("<f", struct.pack("<I", v))[0]
        case "f64":
            return struct.unpack("<d", struct.pack("<Q", v))[0]
        case "string":
            return (v, "utf8", len(v.encode("utf-8")))
        case "list":
            return [value(rest[0], v) for v in v]
        case "tuple":
            return {str(at): value(t, v) for at, (t, v) in enumerate(zip(rest[0], v))}
        case "option":
            return {"none": None} if v is None else {"some": value(rest[0], v[0])}
        case "result":
            return {("ok", "error")[v[0]]: some(rest[v[0]], v[1])}
        case "record":
            return {f"f{at}": value(t, v) for at, (t, v) in enumerate(zip(rest[0], v))}
        case "variant":
            return {f"c{v[0]}": some(rest[0][v[0]], v[1])}
        case "enum":
            return {f"l{v}": None}
        case "flags":
            return {f"l{at}": bool(v >> at & 1) for at in range(rest[0])}
    return v


def told(t, v):
    """The way back."""
    name, *rest = t
    some = lambda t, v: None if t is None else told(t, v)
    match name:
        case "f32":
            return "nan" if math.isnan(v) else struct.unpack("<I", struct.pack("<f", v))[0]
        case "f64":
            return "nan" if math.isnan(v) else struct.unpack("<Q", struct.pack("<d", v))[0]
        case "string":
            return v[0]
        case "list":
            return [told(rest[0], v) for v in v]
        case "tuple" | "record":
            return [told(t, v) for t, v in zip(rest[0], v.values())]
        case "option":
            return [told(rest[0], v["some"])] if "some" in v else None
        case "result":
            at = int("error" in v)
            return [at, some(rest[at], next(iter(v.values())))]
        case "variant":
            [(label, v)] = v.items()
            at = int(label[1:])
            return [at, some(rest[0][at], v)]
        case "enum":
            [label] = v
            return int(label[1:])
        case "flags":
            return sum(1 << at for at, is_set in enumerate(v.values()) if is_set)
    return v


def answer(asked):
    address = asked["address"]
    guest = Guest(asked["encoding"], address)
    t = asked["type"]
    memory = guest.opts.memory
    if "value" in asked:
        whole = d.TupleType([ty(t), d.U8Type(), d.U8Type()] + [d.U64Type()] * 17)
        values = {str(at): v for at, v in enumerate([value(t, asked["value"]), 7, 9] + [0] * 17)}
        at = guest.allocate(d.alignment(whole, address), d.elem_size(whole, address))
        d.store(guest, values, whole, at)
        return {"bytes": list(memory.bytes[START:guest.at])}
    whole = d.TupleType([ty(t), d.U8Type(), d.U8Type()])
    given = bytes(asked["bytes"])
    memory.bytes[START:START + len(given)] = given
    try:
        loaded = d.load(guest, START, whole)
    except d.Trap:
        return {"trap": True}
    return {"value": told(t, loaded["0"])}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
