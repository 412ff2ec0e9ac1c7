;; Greets over WASI 0.2.
(component
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $io-error (type $io-error-outer))
    (export "error" (type $error (eq $io-error-outer)))
    (type $stream-error-def (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-def)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $output-stream-outer))
    (export "output-stream" (type $output-stream (eq $output-stream-outer)))
    (export "get-stdout" (func (result (own $output-stream))))))

  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 16) "hello from a command of WASI\n"))
  (core instance $memory (instantiate $memory))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $memory "memory"))))
  (core func $drop (canon resource.drop $output-stream))
  (core module $main
    (import "memory" "memory" (memory 1))
    (import "" "get-stdout" (func $get-stdout (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "drop" (func $drop (param i32)))
    ;; The result of the write, at 0, is `ok` (0) or `error` (1): so is that of `run`.
    (func (export "run") (result i32) (local $stream i32)
      (local.set $stream (call $get-stdout))
      (call $write (local.get $stream) (i32.const 16) (i32.const 29) (i32.const 0))
      (call $drop (local.get $stream))
      (i32.load8_u (i32.const 0))))
  (core instance $main (instantiate $main
    (with "memory" (instance $memory))
    (with "" (instance
      (export "get-stdout" (func $get-stdout))
      (export "write" (func $write))
      (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exported)))
