;; A million calls, a hundred deep each time, direct and through a table in turn.
(module
  (memory (export "memory") 1)
  (type $down (func (param i32)))
  (table funcref (elem $down))
  (func $down (param $depth i32)
    (if (i32.eqz (local.get $depth)) (then return))
    (if (i32.and (local.get $depth) (i32.const 1))
      (then (call $down (i32.sub (local.get $depth) (i32.const 1))))
      (else (call_indirect (type $down) (i32.sub (local.get $depth) (i32.const 1)) (i32.const 0)))))
  (func (export "_start") (local $i i32)
    (loop $again
      (call $down (i32.const 99))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 10_000))))))
