;; A module that asks nothing of its host: what it exports is called with numbers and answers one.
(module
  (memory (export "memory") 1 1)
  (data (i32.const 0) "greenhouse")
  ;; Adler-32 of the first bytes of its memory.
  (func (export "checksum") (param $length i32) (result i32) (local $at i32) (local $low i32) (local $high i32)
    (local.set $low (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
        (local.set $low
          (i32.rem_u (i32.add (local.get $low) (i32.load8_u (local.get $at))) (i32.const 65521)))
        (local.set $high (i32.rem_u (i32.add (local.get $high) (local.get $low)) (i32.const 65521)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.or (i32.shl (local.get $high) (i32.const 16)) (local.get $low))))
