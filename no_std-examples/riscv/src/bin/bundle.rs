//! The example for signed bundles on this board, which has no validator.

#![no_std]
#![no_main]

board::entry!(firmware::bundled::main);
