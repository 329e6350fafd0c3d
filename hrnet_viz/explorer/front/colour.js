// ---- numbers to colours: lookup tables, limits of a scale, painting ----

/** Opaque pixels out of three bytes each. */
function readPixels(bytes) {
  const pixel = (k) => (255 << 24) | (bytes[k + 2] << 16) | (bytes[k + 1] << 8) | bytes[k];
  return Uint32Array.from({ length: bytes.length / 3 }, (_, k) => pixel(3 * k));
}

/** Put pixels on a canvas of their size. */
function putPixels(canvas, pixels, columns) {
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== pixels.length / columns) canvas.height = pixels.length / columns;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), columns), 0, 0);
  return canvas;
}

/** Ends of a colour scale: 0 is always at the dark end, or in the middle of signed data. */
function findLimits(low, high, isSigned) {
  const reach = Math.max(Math.abs(low), Math.abs(high));
  return isSigned ? [-reach, reach] : [Math.min(low, 0), Math.max(high, 0)];
}

/** For each index of a map that goes from low to high: its pixel on a scale with these limits. */
function lookUp(tables, { signed, low, high }, [from, to]) {
  const table = signed ? tables.signed : tables.sequential;
  const scale = to > from ? 255 / (to - from) : 0;
  const step = ((high - low) / 255) * scale;
  return Uint32Array.from({ length: 256 }, (_, i) => table[clamp(Math.round((low - from) * scale + i * step), 0, 255)]);
}

/** A map out of float32 numbers, as indices with their limits, and the numbers themselves. */
function quantise(numbers, rows, columns, signed) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of numbers) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const index = Uint8Array.from(numbers, (value) => Math.round((value - low) * scale));
  return { rows, columns, signed, low, high, limits: findLimits(low, high, signed), index, numbers };
}

/** The value of one cell in words: the number itself, or what the index says and how far off it may be. */
function tellValue({ numbers, low, high, index }, cell) {
  if (numbers) return exact(numbers[cell]);
  const step = (high - low) / 255;
  return `${short(low + index[cell] * step)} \u00b1 ${short(step / 2, 2)}`;
}

function paintPlane(tables, canvas, plane, limits = plane.limits) {
  const pixels = lookUp(tables, plane, limits);
  return putPixels(canvas, Uint32Array.from(plane.index, (index) => pixels[index]), plane.columns);
}

/** All maps of a site on one canvas, coloured once; a step of the slider then only copies a part of it. */
function createAtlas(tables, maps, limits) {
  const { channels, rows, columns, index } = maps;
  const across = Math.max(1, Math.ceil(Math.sqrt((channels * rows) / columns)));
  const out = new Uint32Array(across * columns * Math.ceil(channels / across) * rows);
  const corner = (channel) => [(channel % across) * columns, Math.floor(channel / across) * rows];
  for (let channel = 0, from = 0; channel < channels; channel++) {
    const pixels = lookUp(tables, { ...maps, low: maps.low[channel], high: maps.high[channel] }, limits[channel]);
    const [left, top] = corner(channel);
    for (let row = 0; row < rows; row++) {
      let to = (top + row) * across * columns + left;
      for (let column = 0; column < columns; column++) out[to++] = pixels[index[from++]];
    }
  }
  return { canvas: putPixels(make("canvas"), out, across * columns), corner };
}

/** A colour bar with raw numbers at its ends, and 0 where it lies between them. */
function createBar(app) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const [low, zero, high] = [0, 0, 0].map(() => make("span"));
  const node = make("div", { class: "hv-bar" }, canvas, low, zero, high);
  let drawn;
  function show([from, to], signed) {
    low.textContent = short(from);
    high.textContent = short(to);
    zero.textContent = from < 0 && to > 0 ? "0" : "";
    zero.style.left = `${(-from / (to - from || 1)) * 100}%`;
    if (drawn !== signed) putPixels(canvas, (signed ? app.tables.signed : app.tables.sequential).slice(), 256);
    drawn = signed;
  }
  return { node, show };
}
