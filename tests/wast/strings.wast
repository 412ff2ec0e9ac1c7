;; Strings between two guests, in all three encodings of each side. The callee answers with the number of
;; bytes or units it received and keeps the first bytes for a look.
(component definition $strings
  (component $callee
    (core module $m
      (memory (export "mem") 1)
      (global $next (mut i32) (i32.const 64))
      (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (memory.copy (local.get $at) (local.get $old)
          (select (local.get $old-size) (local.get $size) (i32.lt_u (local.get $old-size) (local.get $size))))
        (local.get $at))
      (func (export "look") (param $at i32) (param $length i32) (result i64)
        (i64.or
          (i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 32))
          (i64.load32_u (local.get $at)))))
    (core instance $i (instantiate $m))
    (func (export "utf8") (param "s" string) (result u64)
      (canon lift (core func $i "look") string-encoding=utf8
        (memory (core memory $i "mem")) (realloc (core func $i "realloc"))))
    (func (export "utf16") (param "s" string) (result u64)
      (canon lift (core func $i "look") string-encoding=utf16
        (memory (core memory $i "mem")) (realloc (core func $i "realloc"))))
    (func (export "compact") (param "s" string) (result u64)
      (canon lift (core func $i "look") string-encoding=latin1+utf16
        (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))
  (component $caller
    (import "callee" (instance $callee
      (export "utf8" (func (param "s" string) (result u64)))
      (export "utf16" (func (param "s" string) (result u64)))
      (export "compact" (func (param "s" string) (result u64)))))
    (core module $mem
      (memory (export "mem") 1)
      (data (i32.const 0) "ab\c3\a9")                 ;; utf8: abé
      (data (i32.const 16) "a\00b\00\e9\00")          ;; utf16: abé
      (data (i32.const 32) "ab\e9")                   ;; latin1: abé
      (data (i32.const 48) "\e2\98\83!")              ;; utf8: snowman, !
      (data (i32.const 64) "\3d\d8\00\de")            ;; utf16: one character of two units
      (data (i32.const 80) "\ff\ff")                  ;; no utf8
      (data (i32.const 96) "\00\d8a\00"))             ;; half a pair
    (core instance $mem (instantiate $mem))
    (core module $m
      (import "" "8to8" (func $8to8 (param i32 i32) (result i64)))
      (import "" "8to16" (func $8to16 (param i32 i32) (result i64)))
      (import "" "8toc" (func $8toc (param i32 i32) (result i64)))
      (import "" "16to8" (func $16to8 (param i32 i32) (result i64)))
      (import "" "16to16" (func $16to16 (param i32 i32) (result i64)))
      (import "" "16toc" (func $16toc (param i32 i32) (result i64)))
      (import "" "cto8" (func $cto8 (param i32 i32) (result i64)))
      (import "" "cto16" (func $cto16 (param i32 i32) (result i64)))
      (import "" "ctoc" (func $ctoc (param i32 i32) (result i64)))
      (table funcref (elem $8to8 $8to16 $8toc $16to8 $16to16 $16toc $cto8 $cto16 $ctoc))
      (type $f (func (param i32 i32) (result i64)))
      (func (export "run") (param $way i32) (param $at i32) (param $length i32) (result i64)
        (call_indirect (type $f) (local.get $at) (local.get $length) (local.get $way))))
    (core func $8to8 (canon lower (func $callee "utf8") (memory (core memory $mem "mem"))))
    (core func $8to16 (canon lower (func $callee "utf16") (memory (core memory $mem "mem"))))
    (core func $8toc (canon lower (func $callee "compact") (memory (core memory $mem "mem"))))
    (core func $16to8 (canon lower (func $callee "utf8") string-encoding=utf16 (memory (core memory $mem "mem"))))
    (core func $16to16 (canon lower (func $callee "utf16") string-encoding=utf16 (memory (core memory $mem "mem"))))
    (core func $16toc (canon lower (func $callee "compact") string-encoding=utf16 (memory (core memory $mem "mem"))))
    (core func $cto8 (canon lower (func $callee "utf8") string-encoding=latin1+utf16 (memory (core memory $mem "mem"))))
    (core func $cto16 (canon lower (func $callee "utf16") string-encoding=latin1+utf16 (memory (core memory $mem "mem"))))
    (core func $ctoc (canon lower (func $callee "compact") string-encoding=latin1+utf16 (memory (core memory $mem "mem"))))
    (core instance $i (instantiate $m (with "" (instance
      (export "8to8" (func $8to8)) (export "8to16" (func $8to16)) (export "8toc" (func $8toc))
      (export "16to8" (func $16to8)) (export "16to16" (func $16to16)) (export "16toc" (func $16toc))
      (export "cto8" (func $cto8)) (export "cto16" (func $cto16)) (export "ctoc" (func $ctoc))))))
    (func (export "run") (param "way" u32) (param "at" u32) (param "length" u32) (result u64)
      (canon lift (core func $i "run"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "callee" (instance $callee))))
  (export "run" (func $caller "run")))

(component instance $s $strings)
;; abé from 8 to 8
(assert_return (invoke "run" (u32.const 0) (u32.const 0) (u32.const 4))
  (u64.const 0x4a9c36261))
;; ☃! from 8 to 8
(assert_return (invoke "run" (u32.const 0) (u32.const 48) (u32.const 4))
  (u64.const 0x4218398e2))
;; abé from 8 to 16
(assert_return (invoke "run" (u32.const 1) (u32.const 0) (u32.const 4))
  (u64.const 0x300620061))
;; ☃! from 8 to 16
(assert_return (invoke "run" (u32.const 1) (u32.const 48) (u32.const 4))
  (u64.const 0x200212603))
;; abé from 8 to c
(assert_return (invoke "run" (u32.const 2) (u32.const 0) (u32.const 4))
  (u64.const 0x300e96261))
;; ☃! from 8 to c
(assert_return (invoke "run" (u32.const 2) (u32.const 48) (u32.const 4))
  (u64.const 0x8000000200212603))
;; abé from 16 to 8
(assert_return (invoke "run" (u32.const 3) (u32.const 16) (u32.const 3))
  (u64.const 0x4a9c36261))
;; 😀 from 16 to 8
(assert_return (invoke "run" (u32.const 3) (u32.const 64) (u32.const 2))
  (u64.const 0x480989ff0))
;; abé from 16 to 16
(assert_return (invoke "run" (u32.const 4) (u32.const 16) (u32.const 3))
  (u64.const 0x300620061))
;; 😀 from 16 to 16
(assert_return (invoke "run" (u32.const 4) (u32.const 64) (u32.const 2))
  (u64.const 0x2de00d83d))
;; abé from 16 to c
(assert_return (invoke "run" (u32.const 5) (u32.const 16) (u32.const 3))
  (u64.const 0x300e96261))
;; 😀 from 16 to c
(assert_return (invoke "run" (u32.const 5) (u32.const 64) (u32.const 2))
  (u64.const 0x80000002de00d83d))
;; abé from c to 8
(assert_return (invoke "run" (u32.const 6) (u32.const 32) (u32.const 3))
  (u64.const 0x4a9c36261))
;; 😀 from c to 8
(assert_return (invoke "run" (u32.const 6) (u32.const 64) (u32.const 2147483650))
  (u64.const 0x480989ff0))
;; abé from c to 16
(assert_return (invoke "run" (u32.const 7) (u32.const 32) (u32.const 3))
  (u64.const 0x300620061))
;; 😀 from c to 16
(assert_return (invoke "run" (u32.const 7) (u32.const 64) (u32.const 2147483650))
  (u64.const 0x2de00d83d))
;; abé from c to c
(assert_return (invoke "run" (u32.const 8) (u32.const 32) (u32.const 3))
  (u64.const 0x300e96261))
;; 😀 from c to c
(assert_return (invoke "run" (u32.const 8) (u32.const 64) (u32.const 2147483650))
  (u64.const 0x80000002de00d83d))

;; what is no string is none on the way to any encoding
(component instance $bad0 $strings)
(assert_trap (invoke "run" (u32.const 0) (u32.const 80) (u32.const 2)) "invalid utf-8")
(component instance $bad1 $strings)
(assert_trap (invoke "run" (u32.const 0) (u32.const 48) (u32.const 2)) "incomplete utf-8 byte sequence")
(component instance $bad2 $strings)
(assert_trap (invoke "run" (u32.const 0) (u32.const 65535) (u32.const 2)) "string content out-of-bounds")
(component instance $bad3 $strings)
(assert_trap (invoke "run" (u32.const 0) (u32.const 0) (u32.const 4294967295)) "string content out-of-bounds")
(component instance $bad4 $strings)
(assert_trap (invoke "run" (u32.const 1) (u32.const 80) (u32.const 2)) "invalid utf-8")
(component instance $bad5 $strings)
(assert_trap (invoke "run" (u32.const 1) (u32.const 48) (u32.const 2)) "incomplete utf-8 byte sequence")
(component instance $bad6 $strings)
(assert_trap (invoke "run" (u32.const 1) (u32.const 65535) (u32.const 2)) "string content out-of-bounds")
(component instance $bad7 $strings)
(assert_trap (invoke "run" (u32.const 1) (u32.const 0) (u32.const 4294967295)) "string content out-of-bounds")
(component instance $bad8 $strings)
(assert_trap (invoke "run" (u32.const 2) (u32.const 80) (u32.const 2)) "invalid utf-8")
(component instance $bad9 $strings)
(assert_trap (invoke "run" (u32.const 2) (u32.const 48) (u32.const 2)) "incomplete utf-8 byte sequence")
(component instance $bad10 $strings)
(assert_trap (invoke "run" (u32.const 2) (u32.const 65535) (u32.const 2)) "string content out-of-bounds")
(component instance $bad11 $strings)
(assert_trap (invoke "run" (u32.const 2) (u32.const 0) (u32.const 4294967295)) "string content out-of-bounds")
(component instance $bad12 $strings)
(assert_trap (invoke "run" (u32.const 3) (u32.const 96) (u32.const 2)) "unpaired surrogate found")
(component instance $bad13 $strings)
(assert_trap (invoke "run" (u32.const 3) (u32.const 17) (u32.const 1)) "unaligned pointer")
(component instance $bad14 $strings)
(assert_trap (invoke "run" (u32.const 3) (u32.const 65534) (u32.const 2)) "string content out-of-bounds")
(component instance $bad15 $strings)
(assert_trap (invoke "run" (u32.const 3) (u32.const 0) (u32.const 2147483648)) "string content out-of-bounds")
(component instance $bad16 $strings)
(assert_trap (invoke "run" (u32.const 4) (u32.const 96) (u32.const 2)) "unpaired surrogate found")
(component instance $bad17 $strings)
(assert_trap (invoke "run" (u32.const 4) (u32.const 17) (u32.const 1)) "unaligned pointer")
(component instance $bad18 $strings)
(assert_trap (invoke "run" (u32.const 4) (u32.const 65534) (u32.const 2)) "string content out-of-bounds")
(component instance $bad19 $strings)
(assert_trap (invoke "run" (u32.const 4) (u32.const 0) (u32.const 2147483648)) "string content out-of-bounds")
(component instance $bad20 $strings)
(assert_trap (invoke "run" (u32.const 5) (u32.const 96) (u32.const 2)) "unpaired surrogate found")
(component instance $bad21 $strings)
(assert_trap (invoke "run" (u32.const 5) (u32.const 17) (u32.const 1)) "unaligned pointer")
(component instance $bad22 $strings)
(assert_trap (invoke "run" (u32.const 5) (u32.const 65534) (u32.const 2)) "string content out-of-bounds")
(component instance $bad23 $strings)
(assert_trap (invoke "run" (u32.const 5) (u32.const 0) (u32.const 2147483648)) "string content out-of-bounds")
(component instance $bad24 $strings)
(assert_trap (invoke "run" (u32.const 6) (u32.const 33) (u32.const 1)) "unaligned pointer")
(component instance $bad25 $strings)
(assert_trap (invoke "run" (u32.const 6) (u32.const 65534) (u32.const 2147483650)) "string content out-of-bounds")
(component instance $bad26 $strings)
(assert_trap (invoke "run" (u32.const 7) (u32.const 33) (u32.const 1)) "unaligned pointer")
(component instance $bad27 $strings)
(assert_trap (invoke "run" (u32.const 7) (u32.const 65534) (u32.const 2147483650)) "string content out-of-bounds")
(component instance $bad28 $strings)
(assert_trap (invoke "run" (u32.const 8) (u32.const 33) (u32.const 1)) "unaligned pointer")
(component instance $bad29 $strings)
(assert_trap (invoke "run" (u32.const 8) (u32.const 65534) (u32.const 2147483650)) "string content out-of-bounds")

;; A string is lifted before it is lowered: one that is malformed is told before any room is made for it.
(component
  (component $a
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
      (func (export "take") (param i32 i32)))
    (core instance $m (instantiate $m))
    (func (export "take") (param "a" string)
      (canon lift (core func $m "take") (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (component $b
    (import "take" (func $take (param "a" string)))
    (core module $mem (memory (export "memory") 1) (data (i32.const 8) "a\ff"))
    (core instance $mem (instantiate $mem))
    (core func $take (canon lower (func $take) (memory (core memory $mem "memory"))))
    (core module $m
      (import "" "take" (func $take (param i32 i32)))
      (func (export "run") (param i32) (call $take (i32.const 8) (local.get 0))))
    (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
    (func (export "run") (param "length" u32) (canon lift (core func $m "run"))))
  (instance $a (instantiate $a))
  (instance $b (instantiate $b (with "take" (func $a "take"))))
  (export "run" (func $b "run")))
(assert_trap (invoke "run" (u32.const 2)) "invalid utf-8 sequence")
