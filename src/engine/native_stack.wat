;; Calls out, goes round 256 times over instructions of many kinds, and calls out again.
(module
  (import "" "" (func $look))
  (memory 1)
  (global $sum (mut i64) (i64.const 0))
  (func $leaf (param i32) (result i32) (i32.xor (local.get 0) (i32.const 5)))
  (func (export "") (local $i i32) (local $x f64)
    (call $look)
    (loop $again
      (i32.store (local.get $i) (i32.add (i32.load (i32.const 8)) (call $leaf (local.get $i))))
      (global.set $sum (i64.add (global.get $sum) (i64.extend_i32_u (local.get $i))))
      (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 3)) (f64.convert_i32_u (local.get $i))))
      (block $one (block $two
        (br_table $one $two (i32.and (local.get $i) (i32.const 1)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
    (call $look)))
