// ---- where the numbers come from: answers of the host, kept while they are likely to be asked for again ----

const MOST = 30; // answers that are kept
const EXCHANGES = ["branch", "fuse_path", "fuse_sum", "fuse_out"];

function createSource(host, nodes) {
  const kept = new Map(); // question -> promise of its answer; the one used last stands last
  function ask(...question) {
    const key = JSON.stringify(question);
    const answer = kept.get(key) ?? host.ask(question);
    kept.delete(key);
    kept.set(key, answer);
    answer.catch(() => kept.delete(key));
    if (kept.size > MOST) kept.delete(kept.keys().next().value);
    return answer;
  }
  /** All maps of a site; a file has those of the exchanges only as floats, out of which they are made here. */
  async function maps(photo, site) {
    const { kind } = nodes.get(site) ?? {};
    if (!host.live && EXCHANGES.includes(kind)) {
      return quantiseAll(site, await floats(photo, site), kind === "fuse_path" || kind === "fuse_sum");
    }
    const { meta, buffer } = await ask("maps", photo, site);
    const { channels, rows, columns } = meta;
    const numbers = new Float32Array(buffer, 0, 4 * channels + rows * columns);
    const [low, high, mean, energy] = [0, 1, 2, 3].map((k) => numbers.subarray(k * channels, (k + 1) * channels));
    const index = new Uint8Array(buffer, numbers.byteLength);
    return { site, ...meta, low, high, mean, energy, rms: numbers.subarray(4 * channels), index };
  }
  /** All numbers of a branch or of anything in an exchange, added up in the order in which the net does it. */
  async function floats(photo, site) {
    const { kind, branch, source, inputs } = nodes.get(site);
    if (kind === "branch" || (kind === "fuse_path" && source !== branch)) {
      const { meta, buffer } = await ask("floats", photo, site);
      return enlarge({ ...meta, numbers: new Float32Array(buffer) });
    }
    const parts = await Promise.all(inputs.map((input) => floats(photo, input)));
    const numbers = parts[0].numbers.slice();
    for (const part of parts.slice(1)) for (let k = 0; k < numbers.length; k++) numbers[k] += part.numbers[k];
    return { ...parts[0], numbers: kind === "fuse_out" ? numbers.map((value) => Math.max(value, 0)) : numbers };
  }
  /** The numbers of one map; null where this host has only indices. */
  async function channel(photo, site, number) {
    if (host.live) return new Float32Array((await ask("channel", photo, site, number)).buffer);
    return EXCHANGES.includes(nodes.get(site)?.kind) ? takeMap(await floats(photo, site), number) : null;
  }
  return { ask, maps, floats, channel };
}

/** Enlarge maps to the nearest cell, as the net does, where they are to be. */
function enlarge({ channels, rows, columns, numbers, enlarged: [high, wide] = [rows, columns] }) {
  const out = new Float32Array(channels * high * wide);
  const from = Array.from({ length: wide }, (_, column) => Math.floor((column * columns) / wide));
  for (let line = 0, to = 0; line < channels * high; line++) {
    const start = (Math.floor(line / high) * rows + Math.floor(((line % high) * rows) / high)) * columns;
    for (const column of from) out[to++] = numbers[start + column];
  }
  return { channels, rows: high, columns: wide, numbers: out };
}

/** What Python's ``pack_maps`` does, for numbers that are here already. */
function quantiseAll(site, all, signed) {
  const { channels, rows, columns, numbers } = all;
  const planes = Array.from({ length: channels }, (_, k) => quantise(takeMap(all, k), rows, columns, signed));
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const index = new Uint8Array(numbers.length);
  planes.forEach((plane, k) => index.set(plane.index, k * rows * columns));
  return {
    site, channels, rows, columns, signed, index,
    low: planes.map((plane) => plane.low),
    high: planes.map((plane) => plane.high),
    mean: planes.map((plane) => average(plane.numbers)),
    energy: planes.map((plane) => average(plane.numbers.map((value) => value ** 2))),
    rms: planes[0].numbers.map((_, k) => Math.sqrt(average(planes.map((plane) => plane.numbers[k] ** 2)))),
  };
}

const takeMap = ({ numbers, rows, columns }, k) => numbers.subarray(k * rows * columns, (k + 1) * rows * columns);

/** One map of a site; its numbers may come later. */
function takePlane({ rows, columns, signed, low, high, index }, k) {
  const part = index.subarray(k * rows * columns, (k + 1) * rows * columns);
  const limits = findLimits(low[k], high[k], signed);
  return { rows, columns, signed, low: low[k], high: high[k], limits, index: part };
}
