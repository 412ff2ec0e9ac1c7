//! The types of values, constants that mean something, and the operators that only take values and give some.

use super::choices::Choices;
use Type::{Extern, F32, F64, Func, I32, I64, V128};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    Func,
    Extern,
}

impl Type {
    pub fn text(self) -> &'static str {
        match self {
            I32 => "i32",
            I64 => "i64",
            F32 => "f32",
            F64 => "f64",
            V128 => "v128",
            Func => "funcref",
            Extern => "externref",
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, F32 | F64)
    }

    pub fn is_reference(self) -> bool {
        matches!(self, Func | Extern)
    }
}

/// An operator: its name, what it takes, what it gives.
#[derive(Clone, Debug)]
pub struct Operator {
    pub name: String,
    pub params: Vec<Type>,
    pub result: Type,
    /// How many lanes there are to name one of.
    pub lanes: u8,
}

const INTEGERS: [i64; 28] = [
    0,
    1,
    -1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    65_536,
    -2,
    -128,
    0x7fff_ffff,
    -0x8000_0000,
    0x5555_5555,
];
const LONG: [i64; 7] =
    [0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, -0x1_0000_0000, i64::MAX, i64::MIN, 0x1234_5678_9abc_def0];
const F32S: [u32; 20] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    1,
    0x7f7f_ffff,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0xdf00_0000,
    0x5f80_0000,
    0x3f00_0000,
    0x3fc0_0000,
    0x4020_0000,
    0x4b00_0001,
    0x4eff_ffff,
];
const F64S: [u64; 20] = [
    0,
    1 << 63,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    1,
    0x7fef_ffff_ffff_ffff,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x41ef_ffff_ffe0_0000,
    0x43e0_0000_0000_0000,
    0xc3e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    0x3fe0_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x3fdf_ffff_ffff_ffff,
    0x47ef_ffff_e000_0000,
];

pub fn i32(c: &mut Choices<'_>) -> i32 {
    if c.chance(20) { c.wide() as i32 } else { *c.pick(&INTEGERS) as i32 }
}

pub fn i64(c: &mut Choices<'_>) -> i64 {
    match c.below(5) {
        4 => c.wide() as i64,
        3 => *c.pick(&LONG),
        _ => *c.pick(&INTEGERS),
    }
}

/// The bits of one that is no NaN but the canonical one.
pub fn f32(c: &mut Choices<'_>) -> u32 {
    if c.chance(20) { ((c.wide() as i16) as f32 / 8.0).to_bits() } else { *c.pick(&F32S) }
}

/// The bits of one that is no NaN but the canonical one.
pub fn f64(c: &mut Choices<'_>) -> u64 {
    if c.chance(20) { (f64::from(c.wide() as i32) / 8.0).to_bits() } else { *c.pick(&F64S) }
}

/// How text has a float; any NaN as the canonical one.
pub fn f32_text(bits: u32) -> String {
    float_text(u64::from(bits & 0x7fff_ffff), bits >> 31 != 0, 23, 8)
}

/// How text has a float; any NaN as the canonical one.
pub fn f64_text(bits: u64) -> String {
    float_text(bits & (u64::MAX >> 1), bits >> 63 != 0, 52, 11)
}

fn float_text(magnitude: u64, negative: bool, fraction_bits: u32, exponent_bits: u32) -> String {
    let sign = if negative { "-" } else { "" };
    let (exponent, fraction) = (magnitude >> fraction_bits, magnitude & ((1 << fraction_bits) - 1));
    let (largest, bias) = ((1 << exponent_bits) - 1, (1i64 << (exponent_bits - 1)) - 1);
    let digits = fraction_bits.div_ceil(4);
    let shifted = fraction << (digits * 4 - fraction_bits);
    let width = digits as usize;
    match exponent {
        0 if fraction == 0 => format!("{sign}0"),
        0 => format!("{sign}0x0.{shifted:0width$x}p{}", 1 - bias),
        e if e == largest && fraction == 0 => format!("{sign}inf"),
        e if e == largest => "nan".into(),
        e => format!("{sign}0x1.{shifted:0width$x}p{}", e as i64 - bias),
    }
}

const COMPARISONS: &str = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const FLOAT_COMPARISONS: &str = "eq ne lt gt le ge";
/// Those that few traps come from stand twice.
const ARITHMETIC: &str =
    "add sub mul and or xor shl shr_s shr_u rotl rotr add sub and or xor shl div_s div_u rem_s rem_u";
const CONVERSIONS: &str = "i32.wrap_i64:Li i64.extend_i32_s:iL i64.extend_i32_u:iL i32.wrap_i64:Li i64.extend_i32_u:iL \
    i32.reinterpret_f32:fi i64.reinterpret_f64:dL f32.reinterpret_i32:if f64.reinterpret_i64:Ld \
    f32.convert_i32_s:if f32.convert_i32_u:if f32.convert_i64_s:Lf f32.convert_i64_u:Lf f32.demote_f64:df \
    f64.convert_i32_s:id f64.convert_i32_u:id f64.convert_i64_s:Ld f64.convert_i64_u:Ld f64.promote_f32:fd \
    i32.trunc_sat_f32_s:fi i32.trunc_sat_f32_u:fi i32.trunc_sat_f64_s:di i32.trunc_sat_f64_u:di \
    i64.trunc_sat_f32_s:fL i64.trunc_sat_f32_u:fL i64.trunc_sat_f64_s:dL i64.trunc_sat_f64_u:dL \
    i32.trunc_f32_s:fi i32.trunc_f64_u:di i64.trunc_f32_u:fL i64.trunc_f64_s:dL";
/// Of vectors; of those with floats in their lanes none whose result may be one NaN or another.
const VECTORS: &str = "i8x16.splat:iv i16x8.splat:iv i32x4.splat:iv i64x2.splat:Lv v128.not:vv v128.any_true:vi \
    v128.and:vvv v128.andnot:vvv v128.or:vvv v128.xor:vvv v128.bitselect:vvvv i8x16.swizzle:vvv \
    i8x16.all_true:vi i16x8.all_true:vi i32x4.all_true:vi i64x2.all_true:vi i8x16.bitmask:vi i32x4.bitmask:vi \
    i8x16.abs:vv i16x8.neg:vv i32x4.abs:vv i64x2.neg:vv i8x16.popcnt:vv i8x16.narrow_i16x8_s:vvv \
    i16x8.narrow_i32x4_u:vvv i8x16.shl:viv i16x8.shr_s:viv i32x4.shr_u:viv i64x2.shl:viv i64x2.shr_s:viv \
    i8x16.add:vvv i8x16.add_sat_s:vvv i8x16.sub:vvv i8x16.min_s:vvv i8x16.max_u:vvv i8x16.avgr_u:vvv \
    i16x8.mul:vvv i16x8.q15mulr_sat_s:vvv i16x8.extadd_pairwise_i8x16_s:vv i16x8.extmul_low_i8x16_u:vvv \
    i16x8.extend_high_i8x16_s:vv i32x4.add:vvv i32x4.mul:vvv i32x4.dot_i16x8_s:vvv i32x4.extend_low_i16x8_u:vv \
    i64x2.add:vvv i64x2.mul:vvv i64x2.extmul_high_i32x4_s:vvv i8x16.eq:vvv i16x8.lt_u:vvv i32x4.ge_s:vvv i64x2.ne:vvv \
    i64x2.gt_s:vvv f32x4.eq:vvv f64x2.le:vvv f32x4.abs:vv f64x2.neg:vv f32x4.pmin:vvv f64x2.pmax:vvv \
    i32x4.trunc_sat_f32x4_s:vv i32x4.trunc_sat_f64x2_u_zero:vv f32x4.convert_i32x4_u:vv f64x2.convert_low_i32x4_s:vv";
const LANES: &str = "i8x16.extract_lane_s:vi:16 i8x16.extract_lane_u:vi:16 i16x8.extract_lane_s:vi:8 \
    i32x4.extract_lane:vi:4 i64x2.extract_lane:vL:2 i8x16.replace_lane:viv:16 i16x8.replace_lane:viv:8 \
    i32x4.replace_lane:viv:4 i64x2.replace_lane:vLv:2";

/// All that take and give nothing but these types.
pub fn all(types: &[Type]) -> Vec<Operator> {
    let mut all = Vec::new();
    let mut add = |name: String, params: &[Type], result: Type| {
        all.push(Operator { name, params: params.into(), result, lanes: 0 });
    };
    for ty in [I32, I64] {
        let t = ty.text();
        for _ in 0..6 {
            add(format!("{t}.eqz"), &[ty], I32);
        }
        for name in COMPARISONS.split(' ') {
            add(format!("{t}.{name}"), &[ty, ty], I32);
        }
        for name in ARITHMETIC.split(' ') {
            add(format!("{t}.{name}"), &[ty, ty], ty);
        }
        for name in ["clz", "ctz", "popcnt", "extend8_s", "extend16_s"] {
            add(format!("{t}.{name}"), &[ty], ty);
        }
    }
    add("i64.extend32_s".into(), &[I64], I64);
    for ty in [F32, F64] {
        let t = ty.text();
        for name in FLOAT_COMPARISONS.split(' ') {
            add(format!("{t}.{name}"), &[ty, ty], I32);
        }
        for name in ["add", "sub", "mul", "div", "min", "max", "copysign"] {
            add(format!("{t}.{name}"), &[ty, ty], ty);
        }
        for name in ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"] {
            add(format!("{t}.{name}"), &[ty], ty);
        }
    }
    add("ref.is_null".into(), &[Func], I32);
    add("ref.is_null".into(), &[Extern], I32);
    all.extend(CONVERSIONS.split_whitespace().map(spelled));
    all.extend(VECTORS.split_whitespace().chain(LANES.split_whitespace()).map(spelled));
    all.retain(|Operator { params, result, .. }| params.iter().chain([result]).all(|ty| types.contains(ty)));
    all
}

/// An operator from `name:types` or `name:types:lanes`, the last type its result.
fn spelled(text: &str) -> Operator {
    let mut parts = text.split(':');
    let (name, types) = (parts.next().unwrap(), parts.next().unwrap());
    let mut params: Vec<_> = types.chars().map(letter).collect();
    let result = params.pop().unwrap();
    Operator {
        name: name.into(),
        params,
        result,
        lanes: parts.next().map_or(0, |lanes| lanes.parse().unwrap()),
    }
}

fn letter(letter: char) -> Type {
    match letter {
        'i' => I32,
        'L' => I64,
        'f' => F32,
        'd' => F64,
        _ => V128,
    }
}
