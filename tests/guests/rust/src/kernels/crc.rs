//! Table look-ups and bytes: CRC-32 (IEEE 802.3) over 16 KiB.

fn table() -> [u32; 256] {
    core::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

pub fn run(iterations: u32) -> u64 {
    let table = table();
    let mut random = super::Random(7);
    let mut data = [0; 16384];
    data.fill_with(|| random.next() as u8);
    (0..iterations).fold(0, |sum, round| {
        data[0] = round as u8;
        let crc = data.iter().fold(!0u32, |crc, &byte| (crc >> 8) ^ table[usize::from(crc as u8 ^ byte)]);
        super::fold(sum, u64::from(!crc))
    })
}
