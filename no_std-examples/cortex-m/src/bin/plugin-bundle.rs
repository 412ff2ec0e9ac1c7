//! The example for typed plugins on this board, which has no validator.

#![no_std]
#![no_main]

board::entry!(firmware::plugin::bundled::main);
