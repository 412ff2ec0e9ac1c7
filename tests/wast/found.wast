;; What a reader of the code found.

;; A component's own types under another name, resource types among them: no boundary is crossed.
(component
  (component $C
    (type $r (resource (rep i32)))
    (alias outer 0 $r (type $r2))
    (export "r" (type $r2)))
  (instance $c (instantiate $C))
  (alias export $c "r" (type $t))
  (core func $drop (canon resource.drop $t)))
(component
  (type $r (resource (rep i32)))
  (component $C (import "r" (type $x (sub resource))) (core func (canon resource.drop $x)))
  (alias outer 0 $r (type $r2))
  (instance (instantiate $C (with "r" (type $r2)))))
(component
  (component $C (type $r (resource (rep i32))) (export "r" (type $r)))
  (instance $c (instantiate $C))
  (component $D
    (import "c" (instance $c (export "r" (type (sub resource)))))
    (alias export $c "r" (type $r))
    (alias outer 0 $r (type $r2))
    (component $E (import "r" (type $x (sub resource))) (core func (canon resource.drop $x)))
    (instance (instantiate $E (with "r" (type $r2)))))
  (instance (instantiate $D (with "c" (instance $c)))))
(component definition
  (type $list (list u8))
  (alias outer 0 $list (type $again))
  (import "f" (func (param "bytes" $again))))

;; An instance copies from a buffer of its own to another that overlaps it, in one piece and in several: what was in the
;; first is in the second then. One end is begun first, or the other.
(component
  (type $s (stream u16))
  (core module $libc (memory (export "mem") 4))
  (core instance $libc (instantiate $libc))
  (core func $new (canon stream.new $s))
  (core func $read (canon stream.read $s async (memory (core memory $libc "mem"))))
  (core func $write (canon stream.write $s async (memory (core memory $libc "mem"))))
  (core module $m
    (import "" "mem" (memory 4))
    (import "" "new" (func $new (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (func $item (param i32) (result i32) (i32.and (i32.mul (local.get 0) (i32.const 7)) (i32.const 0xffff)))
    (func (export "run")
      (param $from i32) (param $to i32) (param $len i32) (param $reads-first i32) (result i32)
      (local $ends i64) (local $r i32) (local $w i32) (local $i i32) (local $bad i32)
      (local.set $ends (call $new))
      (local.set $r (i32.wrap_i64 (local.get $ends)))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (loop $l
        (i32.store16 (i32.add (local.get $from) (i32.shl (local.get $i) (i32.const 1))) (call $item (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get $len))))
      (if (local.get $reads-first)
        (then (drop (call $read (local.get $r) (local.get $to) (local.get $len)))))
      (drop (call $write (local.get $w) (local.get $from) (local.get $len)))
      (if (i32.eqz (local.get $reads-first))
        (then (drop (call $read (local.get $r) (local.get $to) (local.get $len)))))
      (local.set $i (i32.const 0))
      (loop $l
        (if (i32.ne (i32.load16_u (i32.add (local.get $to) (i32.shl (local.get $i) (i32.const 1))))
                    (call $item (local.get $i)))
          (then (local.set $bad (i32.add (local.get $bad) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get $len))))
      (local.get $bad)))
  (core instance $i (instantiate $m (with "" (instance
    (export "mem" (memory $libc "mem")) (export "new" (func $new))
    (export "read" (func $read)) (export "write" (func $write))))))
  (func (export "run")
    (param "from" u32) (param "to" u32) (param "len" u32) (param "reads-first" bool) (result u32)
    (canon lift (core func $i "run"))))
(assert_return (invoke "run" (u32.const 0) (u32.const 2) (u32.const 1000) (bool.const false)) (u32.const 0))
(assert_return (invoke "run" (u32.const 0) (u32.const 2) (u32.const 40000) (bool.const false)) (u32.const 0))
(assert_return (invoke "run" (u32.const 0) (u32.const 2) (u32.const 40000) (bool.const true)) (u32.const 0))
(assert_return (invoke "run" (u32.const 0) (u32.const 20000) (u32.const 40000) (bool.const true)) (u32.const 0))
(assert_return (invoke "run" (u32.const 2) (u32.const 0) (u32.const 40000) (bool.const false)) (u32.const 0))
(assert_return (invoke "run" (u32.const 20000) (u32.const 0) (u32.const 40000) (bool.const true)) (u32.const 0))
(assert_return (invoke "run" (u32.const 64) (u32.const 64) (u32.const 40000) (bool.const true)) (u32.const 0))

;; UTF-16 in latin1+utf16 that Latin-1 would do for: `realloc` is told twice, at last of Latin-1, and of the empty string
;; as well.
(component
  (component $C
    (core module $m
      (memory (export "mem") 1)
      (global $told (mut i32) (i32.const 0))
      (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
        (global.set $told (i32.or (i32.shl (global.get $told) (i32.const 16))
          (i32.or (i32.shl (local.get $old-size) (i32.const 8))
            (i32.or (i32.shl (local.get $align) (i32.const 4)) (local.get $size)))))
        ;; Latin-1 need not stand at an even address then.
        (if (result i32) (i32.eqz (local.get $old)) (then (i32.const 1024)) (else (i32.const 2049))))
      (func (export "f") (param i32 i32) (result i32)
        (if (i32.ne (local.get 0) (i32.const 2049)) (then unreachable))
        (global.get $told)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "s" string) (result u32)
      (canon lift (core func $i "f") string-encoding=latin1+utf16
        (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))
  (component $D
    (import "f" (func $f (param "s" string) (result u32)))
    (core module $libc (memory (export "mem") 1) (data (i32.const 16) "a\00b\00"))
    (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $f) string-encoding=latin1+utf16 (memory (core memory $libc "mem"))))
    (core module $m (import "" "f" (func $f (param i32 i32) (result i32)))
      (func (export "run") (param i32) (result i32)
        (call $f (i32.const 16) (i32.or (i32.const 0x80000000) (local.get 0)))))
    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $m "run"))))
  (instance $c (instantiate $C))
  (instance $d (instantiate $D (with "f" (func $c "f"))))
  (export "run" (func $d "run")))
(assert_return (invoke "run" (u32.const 2)) (u32.const 0x00240412))
(assert_return (invoke "run" (u32.const 0)) (u32.const 0x00200010))
