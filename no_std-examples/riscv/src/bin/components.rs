//! The example for components on this board.

#![no_std]
#![no_main]

board::entry!(firmware::components::main);
