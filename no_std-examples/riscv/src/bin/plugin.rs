//! The example for typed plugins on this board.

#![no_std]
#![no_main]

board::entry!(firmware::plugin::main);
