;; Tail calls must not pile up frames: 10^8 direct ones between two functions, 10^6 through a table,
;; 10^5 into the host. Ends by itself, without a word.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (type $step (func (param i32) (result i32)))
  (memory (export "memory") 1 1)
  (table funcref (elem $through_table))

  (func $even (param $left i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (i32.const 0))))
    (return_call $odd (i32.sub (local.get $left) (i32.const 1))))
  (func $odd (param $left i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (return (i32.const 1))))
    (return_call $even (i32.sub (local.get $left) (i32.const 1))))

  (func $through_table (type $step)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call_indirect (type $step)
      (i32.sub (local.get 0) (i32.const 1))
      (i32.const 0)))

  (func $into_host (result i32)
    (return_call $sched_yield))

  (func (export "_start") (local $left i32)
    (if (call $even (i32.const 100000000)) (then (unreachable)))
    (if (call $through_table (i32.const 1000000)) (then (unreachable)))
    (local.set $left (i32.const 100000))
    (loop $again
      (if (call $into_host) (then (unreachable)))
      (br_if $again
        (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
