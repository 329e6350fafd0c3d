// ---- host: this file; the answers that a kernel gave when it was saved, each opened when it is looked at ----

/** Open one stored answer: deflated, and where it is floats, all first bytes first, then all second ones. */
async function openAnswer(text, width) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const out = new Uint8Array(bytes.length);
  for (let k = 0, from = 0; k < width; k++) for (let to = k; to < out.length; to += width) out[to] = bytes[from++];
  return out.buffer;
}

async function createFileHost(page) {
  const open = (id, width) => openAnswer(page.getElementById(`hv-${id}`).textContent, width);
  const { state, answers } = JSON.parse(new TextDecoder().decode(await open("index", 1)));
  const questions = Object.keys(answers).map((key) => JSON.parse(key));
  async function ask(question) {
    // What was not computed for the chosen class is shown for the top class.
    const found = answers[JSON.stringify(question)] ?? answers[JSON.stringify([...question.slice(0, -1), ""])];
    if (!found) throw new Error("Not in this file: it holds what was computed when it was saved. A kernel shows it.");
    const [block, width, meta] = found;
    return { meta, buffer: await open(block, width) };
  }
  return {
    live: false,
    /** Factors of the edits of a site that this file holds. */
    held: (site) => questions.filter(([what, , name]) => what === "ablation" && name === site).map((parts) => parts[3]),
    ask,
    get: (key) => state[key],
    set: (key, value) => (state[key] = value),
    subscribe: () => () => {}, // nobody else changes anything
  };
}

async function showFile(page) {
  const host = await createFileHost(page);
  const place = page.getElementById("hv-explorer");
  place.replaceChildren(); // until here, and where scripts are off, it holds a picture
  mount(place, host);
}
