const std = @import("std");

pub fn main() void {
    var list: [20000]u32 = undefined;
    var random = std.Random.DefaultPrng.init(7);
    for (&list) |*item| item.* = random.random().int(u32);
    std.mem.sort(u32, &list, {}, std.sort.asc(u32));
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(std.mem.sliceAsBytes(&list), &digest, .{});
    std.debug.print("{d} {d} {x}\n", .{ list[0], list[list.len - 1], digest[0..8] });
}
