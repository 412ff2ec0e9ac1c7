;; Grows a table that is as large as it may be, for ever.
(module
  (memory (export "memory") 1 1)
  (table 1 1 funcref)
  (func (export "_start")
    (loop $again
      (drop (table.grow (ref.null func) (i32.const 5)))
      (br $again))))
