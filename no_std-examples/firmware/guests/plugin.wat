;; A plugin by the world of `wit/plugin.wit`: a resource that keeps readings, and an asynchronous export that waits for
;; its host as often as it is asked to.
(component
  (import "log" (func $log (param "line" string)))
  (import "tick" (func $tick async (result u64)))

  (core module $Memory
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $top) (i32.const 65536)) (then (unreachable)))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))

  (core func $log' (canon lower (func $log) (memory $mem)))
  (core func $tick' (canon lower (func $tick) async (memory $mem)))

  ;; A series is what its summary is, in memory: title, count, lowest, highest, sensors.
  (core module $Close
    (import "" "memory" (memory 1))
    (import "" "log" (func $log (param i32 i32)))
    (data (i32.const 1024) "closed")
    (func (export "close") (param $series i32) (call $log (i32.const 1024) (i32.const 6))))
  (core instance $close (instantiate $Close (with "" (instance
    (export "memory" (memory $mem))
    (export "log" (func $log'))))))
  (alias core export $close "close" (core func $close'))
  (type $series (resource (rep i32) (dtor (core func $close'))))

  (type $outcome (result u64 (error string)))
  (core func $series-new (canon resource.new $series))
  (core func $set-new (canon waitable-set.new))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core func $subtask-drop (canon subtask.drop))
  (core func $settled (canon task.return (result $outcome) (memory $mem)))

  (core module $Main
    (import "" "memory" (memory 1))
    (import "" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "" "log" (func $log (param i32 i32)))
    (import "" "tick" (func $tick (param i32) (result i32)))
    (import "" "series-new" (func $series-new (param i32) (result i32)))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "set-drop" (func $set-drop (param i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "subtask-drop" (func $subtask-drop (param i32)))
    (import "" "settled" (func $settled (param i32 i64 i32)))
    (data (i32.const 1040) "so often I will not wait")
    (global $left (mut i32) (i32.const 0))
    (global $set (mut i32) (i32.const 0))

    (func (export "constructor") (param $title i32) (param $length i32) (result i32)
      (local $series i32)
      (local.set $series (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 28)))
      (i32.store (local.get $series) (local.get $title))
      (i32.store offset=4 (local.get $series) (local.get $length))
      (i32.store offset=8 (local.get $series) (i32.const 0))
      (i32.store offset=12 (local.get $series) (i32.const 0x7fffffff))
      (i32.store offset=16 (local.get $series) (i32.const 0x80000000))
      (i32.store offset=20 (local.get $series)
        (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 64)))
      (i32.store offset=24 (local.get $series) (i32.const 0))
      (call $log (local.get $title) (local.get $length))
      (call $series-new (local.get $series)))

    (func (export "add") (param $series i32) (param $reading i32) (param $count i32) (result i32)
      (block $none
        (loop $each
          (br_if $none (i32.eqz (local.get $count)))
          (call $add-one (local.get $series) (local.get $reading))
          (local.set $reading (i32.add (local.get $reading) (i32.const 24)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $each)))
      (i32.load offset=8 (local.get $series)))

    (func $add-one (param $series i32) (param $reading i32)
      (local $degrees i32) (local $sensor i32)
      (local.set $degrees (i32.load offset=8 (local.get $reading)))
      (i32.store offset=8 (local.get $series) (i32.add (i32.load offset=8 (local.get $series)) (i32.const 1)))
      (if (i32.lt_s (local.get $degrees) (i32.load offset=12 (local.get $series)))
        (then (i32.store offset=12 (local.get $series) (local.get $degrees))))
      (if (i32.gt_s (local.get $degrees) (i32.load offset=16 (local.get $series)))
        (then (i32.store offset=16 (local.get $series) (local.get $degrees))))
      (if (i32.lt_u (i32.load offset=24 (local.get $series)) (i32.const 8)) (then
        (local.set $sensor (i32.add
          (i32.load offset=20 (local.get $series))
          (i32.shl (i32.load offset=24 (local.get $series)) (i32.const 3))))
        (i64.store align=4 (local.get $sensor) (i64.load align=4 (local.get $reading)))
        (i32.store offset=24 (local.get $series)
          (i32.add (i32.load offset=24 (local.get $series)) (i32.const 1))))))

    (func (export "summary") (param $series i32) (result i32) (local.get $series))

    (func (export "settle") (param $rounds i32) (result i32)
      (if (i32.gt_u (local.get $rounds) (i32.const 100)) (then
        (call $settled (i32.const 1) (i64.const 1040) (i32.const 24))
        (return (i32.const 0)))) ;; EXIT
      (i64.store (i32.const 8) (i64.const 0))
      (global.set $left (local.get $rounds))
      (global.set $set (call $set-new))
      (call $go-on))

    ;; Waits as often as is left to wait, or until it has to give way for that.
    (func $go-on (result i32) (local $status i32)
      (loop $more
        (if (i32.eqz (global.get $left)) (then
          (call $set-drop (global.get $set))
          (call $settled (i32.const 0) (i64.load (i32.const 8)) (i32.const 0))
          (return (i32.const 0)))) ;; EXIT
        (global.set $left (i32.sub (global.get $left) (i32.const 1)))
        (local.set $status (call $tick (i32.const 8)))
        (br_if $more (i32.eq (i32.and (local.get $status) (i32.const 15)) (i32.const 2)))) ;; RETURNED
      (call $join (i32.shr_u (local.get $status) (i32.const 4)) (global.get $set))
      (call $wait))

    (func $wait (result i32)
      (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4)))) ;; WAIT

    (func (export "settle-callback") (param $event i32) (param $subtask i32) (param $status i32) (result i32)
      (if (i32.ne (local.get $status) (i32.const 2)) (then (return (call $wait))))
      (call $join (local.get $subtask) (i32.const 0))
      (call $subtask-drop (local.get $subtask))
      (call $go-on)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem))
    (export "realloc" (func $realloc))
    (export "log" (func $log'))
    (export "tick" (func $tick'))
    (export "series-new" (func $series-new))
    (export "set-new" (func $set-new))
    (export "set-drop" (func $set-drop))
    (export "join" (func $join))
    (export "subtask-drop" (func $subtask-drop))
    (export "settled" (func $settled))))))

  (type $reading (record (field "sensor" string) (field "millidegrees" s32) (field "at" u64)))
  (type $summary (record
    (field "title" string) (field "count" u32) (field "lowest" s32) (field "highest" s32)
    (field "sensors" (list string))))

  ;; Functions may only be about types that a component exports, so here is one that does.
  (component $Readings
    (type $reading' (record (field "sensor" string) (field "millidegrees" s32) (field "at" u64)))
    (import "reading" (type $reading (eq $reading')))
    (type $summary' (record
      (field "title" string) (field "count" u32) (field "lowest" s32) (field "highest" s32)
      (field "sensors" (list string))))
    (import "summary" (type $summary (eq $summary')))
    (import "series" (type $series (sub resource)))
    (import "construct" (func $construct (param "title" string) (result (own $series))))
    (import "add" (func $add (param "self" (borrow $series)) (param "readings" (list $reading)) (result u32)))
    (import "sum-up" (func $sum-up (param "self" (borrow $series)) (result $summary)))
    (import "settle" (func $settle async (param "rounds" u32) (result (result u64 (error string)))))
    (export $reading-out "reading" (type $reading))
    (export $summary-out "summary" (type $summary))
    (export $series-out "series" (type $series))
    (export "[constructor]series" (func $construct) (func (param "title" string) (result (own $series-out))))
    (export "[method]series.add" (func $add)
      (func (param "self" (borrow $series-out)) (param "readings" (list $reading-out)) (result u32)))
    (export "[method]series.summary" (func $sum-up)
      (func (param "self" (borrow $series-out)) (result $summary-out)))
    (export "settle" (func $settle)))

  (func $construct (param "title" string) (result (own $series))
    (canon lift (core func $main "constructor") (memory $mem) (realloc (core func $realloc))))
  (func $add (param "self" (borrow $series)) (param "readings" (list $reading)) (result u32)
    (canon lift (core func $main "add") (memory $mem) (realloc (core func $realloc))))
  (func $sum-up (param "self" (borrow $series)) (result $summary)
    (canon lift (core func $main "summary") (memory $mem)))
  (func $settle async (param "rounds" u32) (result $outcome)
    (canon lift (core func $main "settle") async (memory $mem) (callback (core func $main "settle-callback"))))

  (instance $readings (instantiate $Readings
    (with "reading" (type $reading))
    (with "summary" (type $summary))
    (with "series" (type $series))
    (with "construct" (func $construct))
    (with "add" (func $add))
    (with "sum-up" (func $sum-up))
    (with "settle" (func $settle))))
  (export "example:plugin/readings@0.1.0" (instance $readings)))
