//! Core modules written byte by byte, as no compiler would, and made to be small and cost much.

/// A module of `sections`, each an id and its contents.
pub fn module(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        out.push(*id);
        out.extend(sized(contents));
    }
    out
}

/// An unsigned LEB128 number.
pub fn leb128(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

/// `bytes` behind their length.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [leb128(bytes.len() as u64), bytes.to_vec()].concat()
}

/// `count` items behind their count.
pub fn list(count: u32, item: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    let items: Vec<u8> = (0..count).flat_map(item).collect();
    [leb128(count.into()), items].concat()
}

/// A function body without locals.
pub fn body(code: &[u8]) -> Vec<u8> {
    sized(&[&[0], code, &[0x0b]].concat())
}

/// Of type `[] -> []`, defined `count` times, the first exported as `f`.
pub fn functions(count: u32, bodies: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    module(&[
        (1, vec![1, 0x60, 0, 0]),
        (3, list(count, |_| vec![0])),
        (7, [&[1][..], b"\x01f\0\0"].concat()),
        (10, list(count, bodies)),
    ])
}

/// A function of so many blocks, each in the one before. `opening` opens one.
pub fn nested(depth: usize, opening: &[u8]) -> Vec<u8> {
    functions(1, |_| body(&[opening.repeat(depth), vec![0x0b; depth]].concat()))
}

/// A function that fills the operand stack with what `pushing` pushes, and empties it.
pub fn operands(depth: usize, pushing: &[u8]) -> Vec<u8> {
    functions(1, |_| body(&[pushing.repeat(depth), vec![0x1a; depth]].concat()))
}

/// A function that repeats `code`, which leaves the operand stack as it was.
pub fn repeated(times: usize, code: &[u8]) -> Vec<u8> {
    let sections = [
        (1, vec![1, 0x60, 0, 0]),
        (3, vec![1, 0]),
        (4, vec![1, 0x70, 0, 1]),
        (5, vec![1, 0, 1]),
        (6, vec![1, 0x7f, 1, 0x41, 0, 0x0b]),
        (7, [&[1][..], b"\x01f\0\0"].concat()),
        (10, [vec![1], sized(&[&[1, 2, 0x7f], &code.repeat(times)[..], &[0x0b]].concat())].concat()),
    ];
    module(&sections)
}

/// As many types, all different: the bits of the index are the types of the parameters.
pub fn types(count: u32) -> Vec<u8> {
    let ty = |index: u32| {
        let bits = (0..20).map(|bit| 0x7e + u8::from(index >> bit & 1 == 0)).collect::<Vec<_>>();
        [vec![0x60], sized(&bits), vec![0]].concat()
    };
    module(&[(1, list(count, ty))])
}

/// As many types of as many parameters, all the same.
pub fn wide_types(count: u32, params: usize) -> Vec<u8> {
    module(&[(1, list(count, |_| [vec![0x60], sized(&vec![0x7f; params]), vec![0]].concat()))])
}

/// Functions of `locals` locals each, calling the one after.
pub fn locals(count: u32, locals: u64) -> Vec<u8> {
    functions(count, |index| {
        let call = if index + 1 < count { [vec![0x10], leb128((index + 1).into())].concat() } else { vec![] };
        sized(&[vec![1], leb128(locals), vec![0x7e], call, vec![0x0b]].concat())
    })
}

/// `count` tables of branches with as many targets each, all the function's end.
pub fn branch_tables(count: usize, targets: u32) -> Vec<u8> {
    let table = [vec![0x41, 0, 0x0e], leb128(targets.into()), vec![0; targets as usize + 1]].concat();
    functions(1, |_| {
        let block = [&[0x02, 0x40], &table[..], &[0x0b]].concat();
        body(&block.repeat(count))
    })
}

fn name(index: u32) -> Vec<u8> {
    sized(format!("{index:x}").as_bytes())
}

/// So many exports of one function.
pub fn exports(count: u32) -> Vec<u8> {
    let export = |index| [name(index), vec![0, 0]].concat();
    module(&[(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (7, list(count, export)), (10, vec![1, 2, 0, 0x0b])])
}

/// So many imports, of functions or of globals.
pub fn imports(count: u32, what: &[u8]) -> Vec<u8> {
    let import = |index| [&name(index)[..], &[0], what].concat();
    module(&[(1, vec![1, 0x60, 0, 0]), (2, list(count, import))])
}

/// So many globals.
pub fn globals(count: u32) -> Vec<u8> {
    module(&[(6, list(count, |_| vec![0x7f, 0, 0x41, 0, 0x0b]))])
}

/// One global whose first value is a sum of as many numbers.
pub fn long_constant(terms: usize) -> Vec<u8> {
    let sum = [0x41, 0, 0x6a].repeat(terms);
    module(&[(6, [&[1, 0x7f, 0, 0x41, 0][..], &sum, &[0x0b]].concat())])
}

/// A function that leaves so many times 128 values on the operand stack.
pub fn results(calls: u32) -> Vec<u8> {
    let returning = [vec![1, 0x60, 0], sized(&[0x7f; 128])].concat();
    let leaf = body(&[0x41, 0].repeat(128));
    let caller = body(&[[0x10, 0].repeat(calls as usize), vec![0]].concat());
    module(&[(1, returning), (3, vec![2, 0, 0]), (10, [vec![2], leaf, caller].concat())])
}

/// So many empty passive data segments.
pub fn data_segments(count: u32) -> Vec<u8> {
    module(&[(12, leb128(count.into())), (11, list(count, |_| vec![1, 0]))])
}

/// So many passive element segments of as many elements each, by index or by expression.
pub fn element_segments(count: u32, elements: u32, by_expression: bool) -> Vec<u8> {
    let segment = |_| match by_expression {
        true => [vec![5, 0x70], list(elements, |_| vec![0xd0, 0x70, 0x0b])].concat(),
        false => [vec![1, 0], list(elements, |_| vec![0])].concat(),
    };
    module(&[(1, vec![1, 0x60, 0, 0]), (3, vec![1, 0]), (9, list(count, segment)), (10, vec![1, 2, 0, 0x0b])])
}

/// A custom section of this name and content before an empty module.
pub fn custom(name: &[u8], content: &[u8]) -> Vec<u8> {
    module(&[(0, [&sized(name)[..], content].concat())])
}

/// Every kind, each of roughly `bytes` bytes.
pub fn all(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let per = |each: usize| bytes / each;
    let count = |each: usize| u32::try_from(bytes / each).unwrap();
    vec![
        ("nested blocks", nested(per(3), &[0x02, 0x40])),
        ("nested loops", nested(per(3), &[0x03, 0x40])),
        ("nested ifs", nested(per(5), &[0x41, 0, 0x04, 0x40])),
        ("constants on the stack", operands(per(3), &[0x41, 0])),
        ("nulls on the stack", operands(per(3), &[0xd0, 0x70])),
        ("calls", repeated(per(2), &[0x10, 0])),
        ("sums", repeated(per(7), &[0x20, 0, 0x20, 1, 0x6a, 0x21, 0])),
        ("stores", repeated(per(7), &[0x41, 0, 0x20, 0, 0x36, 2, 0])),
        ("global stores", repeated(per(4), &[0x41, 1, 0x24, 0])),
        ("memory sizes", repeated(per(3), &[0x3f, 0, 0x1a])),
        ("blocks side by side", repeated(per(3), &[0x02, 0x40, 0x0b])),
        ("branches", repeated(per(7), &[0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b])),
        ("types", types(count(23))),
        ("small types", wide_types(count(3), 0)),
        ("wide types", wide_types(count(1_003), 1_000)),
        ("empty functions", functions(count(4), |_| body(&[]))),
        ("small functions", functions(count(8), |_| body(&[0x41, 0, 0x1a, 0x01]))),
        ("locals", locals(count(12), 30_000)),
        ("branch tables", branch_tables(per(65_000).max(1), 65_000.min(count(1)))),
        ("exports", exports(count(8))),
        ("imported functions", imports(count(8), &[0, 0])),
        ("imported globals", imports(count(9), &[3, 0x7f, 0])),
        ("globals", globals(count(5))),
        ("a long constant", long_constant(per(3).min(4_000))),
        ("calls of many results", results(count(2))),
        ("data segments", data_segments(count(2).min(100_000))),
        ("element segments", element_segments(count(3).min(100_000), 0, false)),
        ("elements by index", element_segments(1, count(1), false)),
        ("elements by expression", element_segments(1, count(3), true)),
        ("a custom section", custom(b"producers", &vec![0xff; bytes])),
        ("a name section", custom(b"name", &vec![0x80; bytes])),
    ]
}
