//! The example for HTTP on this board.

#![no_std]
#![no_main]

board::entry!(firmware::http::main);
