;; Calls, for ever, an empty function of 30,000 locals: each call zeroes 240 KB, which a host must
;; price. In the text format 30,000 locals are 30,000 words, so this is the binary, byte by byte.
(module binary
  "\00asm" "\01\00\00\00"
  "\01\04" "\01\60\00\00"               ;; types: 0 = [] -> []
  "\03\03" "\02\00\00"                  ;; functions: two of type 0
  "\05\04" "\01\01\01\01"               ;; memory: one page, no more
  "\07\13" "\02"                        ;; exports
    "\06memory" "\02\00"
    "\06_start" "\00\01"
  "\0a\12" "\02"                        ;; code
    "\06" "\01\b0\ea\01\7e" "\0b"       ;; function 0: 30,000 locals of i64, no body
    "\09" "\00"                         ;; function 1, _start:
      "\03\40" "\10\00" "\0c\00" "\0b"  ;;   loop, call 0, br 0, end
      "\0b")
