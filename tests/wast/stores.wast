;; Numbers stored at themselves, far away.

(module
  (memory $first 3)
  (memory $second 1)
  (global $any (mut i32) (i32.const 0))
  (func (export "far") (param i32) (result i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i32.store offset=70000 (local.get 0) (local.get 0))
    (i32.load offset=70000 (local.get 0)))
  (func (export "far-long") (param i32) (result i64)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i64.store offset=65536 (local.get 0) (i64.extend_i32_u (local.get 0)))
    (i64.load offset=65536 (local.get 0)))
  (func (export "far-bytes") (param i32) (result i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i32.store8 offset=70000 (local.get 0) (local.get 0))
    (i32.store16 offset=70002 (local.get 0) (local.get 0))
    (i64.store8 offset=70001 (local.get 0) (i64.extend_i32_u (local.get 0)))
    (i32.load offset=70000 (local.get 0)))
  (func (export "far-words") (param i32) (result i64)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i64.store16 offset=80000 (local.get 0) (i64.extend_i32_u (local.get 0)))
    (i64.store32 offset=80004 (local.get 0) (i64.extend_i32_u (local.get 0)))
    (i64.load offset=80000 (local.get 0)))
  (func (export "second") (param i32) (result i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i32.store $second (local.get 0) (local.get 0))
    (i32.load $second (local.get 0)))
  (func (export "tee") (param i32) (result i32)
    local.get 0
    (local.tee 0 (i32.add (local.get 0) (i32.const 8)))
    local.get 0
    i32.store offset=70000
    drop
    (i32.load offset=70000 (local.get 0)))
  (func (export "shifted") (param i32) (result i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i32.store offset=70000 (i32.shl (local.get 0) (i32.const 32)) (local.get 0))
    (i32.load offset=70000 (local.get 0)))
  (func (export "uncovered") (param i32) (result i32)
    (local.tee 0 (i32.add (local.get 0) (i32.const 8)))
    local.get 0
    i32.const 5
    i32.const 6
    global.set $any
    drop
    i32.store offset=70000
    (i32.load offset=70000 (local.get 0)))
  (func (export "past-the-end") (param i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 8)))
    (i32.store offset=196600 (local.get 0) (local.get 0)))
)
(assert_return (invoke "far" (i32.const 1)) (i32.const 9))
(assert_return (invoke "far-long" (i32.const 1)) (i64.const 9))
(assert_return (invoke "far-bytes" (i32.const 1)) (i32.const 0x00090909))
(assert_return (invoke "far-words" (i32.const 1)) (i64.const 0x0000000900000009))
(assert_return (invoke "second" (i32.const 1)) (i32.const 9))
(assert_return (invoke "tee" (i32.const 1)) (i32.const 9))
(assert_return (invoke "shifted" (i32.const 1)) (i32.const 9))
(assert_return (invoke "uncovered" (i32.const 1)) (i32.const 9))
(assert_trap (invoke "past-the-end" (i32.const 1)) "out of bounds memory access")
