//! The native-stack test on this board.

#![no_std]
#![no_main]

board::entry!(firmware::stack::main);
