//! The example for signed core modules on this board, which has nothing else.

#![no_std]
#![no_main]

board::entry!(firmware::core_bundled::main);
