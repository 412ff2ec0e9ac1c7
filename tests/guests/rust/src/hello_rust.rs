//! What a Rust program with the standard library brings along: arguments and environment printed.

fn main() {
    println!("hello, world");
    for (index, arg) in std::env::args().enumerate() {
        println!("arg {index}: {arg}");
    }
    for (name, value) in std::env::vars() {
        println!("env {name}={value}");
    }
}
