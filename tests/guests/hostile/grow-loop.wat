;; Asks for memory that the module itself forbids, for ever. A dispatch that keeps a native frame
;; for each failed growth runs off the host's stack here.
(module
  (memory (export "memory") 1 1)
  (func (export "_start")
    (loop $again
      (drop (memory.grow (i32.const 5)))
      (br $again))))
