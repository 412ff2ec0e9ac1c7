// Compiled, it needs garbage collection and exceptions, and is to be refused.
fun main() {
    println("squares: " + (1..10).map { it * it }.sum())
}
