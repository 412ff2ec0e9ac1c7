//! The native-bundled test on this board.

#![no_std]
#![no_main]

board::entry!(firmware::bundled::main);
