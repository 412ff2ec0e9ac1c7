;; Like grow-loop, but only the host's limit stands in the way: each growth is one the module
;; allows. The first few may succeed.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (drop (memory.grow (i32.const 65535)))
      (br $again))))
