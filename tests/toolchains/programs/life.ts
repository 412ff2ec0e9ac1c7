// Conway's game of life on a torus, from noise.
const SIZE = 256;
let cells = new Uint8Array(SIZE * SIZE);
let next = new Uint8Array(SIZE * SIZE);
let seed: u32 = 1;
for (let i = 0; i < cells.length; i++) {
  seed = seed * 1664525 + 1013904223;
  cells[i] = u8(seed >> 31);
}
for (let generation = 0; generation < 200; generation++) {
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      let around = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          around += cells[((y + dy) & (SIZE - 1)) * SIZE + ((x + dx) & (SIZE - 1))];
        }
      }
      const at = y * SIZE + x;
      next[at] = u8(around == 3 || (around == 4 && cells[at] == 1));
    }
  }
  const was = cells;
  cells = next;
  next = was;
}
let alive = 0;
for (let i = 0; i < cells.length; i++) alive += cells[i];
console.log("alive: " + alive.toString());
