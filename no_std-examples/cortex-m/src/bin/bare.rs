//! Bare wasmi on this board: the floor that the sizes of wasmote are compared with.

#![no_std]
#![no_main]

board::entry!(firmware::bare::main);
