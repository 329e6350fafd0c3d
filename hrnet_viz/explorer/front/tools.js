// ---- elements, numbers, and doing only the latest ----

/** Make an element. Children that are text stay text: names and captions come from other people. */
const make = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
const makeSvg = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

function fill(element, properties = {}, children = []) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value);
  }
  // JupyterLab takes keys for its own commands unless the focused element itself says otherwise.
  if (element.matches("button, input, select, [tabindex]")) element.dataset.lmSuppressShortcuts = "true";
  element.append(...children);
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const minus = (text) => String(text).replaceAll("-", "\u2212");

/** Write a number shortly: 1.2, 0.034, 340, 3.4e+6. */
function short(value, digits = 3) {
  if (Number.isNaN(value)) return "no number";
  if (!Number.isFinite(value)) return minus(value).replace("Infinity", "\u221e");
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e5)) return minus(value.toExponential(digits - 1));
  const places = size ? clamp(digits - 1 - Math.floor(Math.log10(size)), 0, 8) : 0;
  return minus(Number(value.toFixed(places)));
}

/** Write a float32 with as many digits as tell it from every other one. */
function exact(value) {
  let digits = 6;
  while (digits < 9 && Math.fround(Number(value.toPrecision(digits))) !== value) digits++;
  return minus(Number(value.toPrecision(digits)));
}

const range = (low, high, digits) => `${short(low, digits)} to ${short(high, digits)}`;
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const has = (changed, ...keys) => keys.some((key) => changed.has(key));

/** Run one task at a time; of those that come in the meantime only the latest is run. */
function createLane(complain, done) {
  let busy, next;
  return async (task) => {
    next = task;
    if (busy) return;
    for (busy = true; next;) {
      const now = next;
      next = null;
      await now().then(done, (error) => complain(error.message));
    }
    busy = false;
  };
}

/** Draw at once, but at most once per frame: what comes in the meantime is drawn together in the next one. */
function createScheduler(draw) {
  let frame, late;
  const run = () => {
    late = false;
    frame = requestAnimationFrame(() => {
      frame = null;
      if (late) run();
    });
    draw();
  };
  return { request: () => (frame ? (late = true) : run()), stop: () => cancelAnimationFrame(frame) };
}

const labelled = (text, ...controls) => make("label", {}, make("span", {}, text), ...controls);
const createRoom = (words, ...all) =>
  make("div", { class: "hv-scroll", tabindex: 0, role: "group", "aria-label": words }, ...all);
const createControls = (...all) => make("div", { class: "hv-controls" }, ...all.map((one) => one.node ?? one));

/** A select that stands for one choice of the state; options are [value, text]. */
function createSelect(app, key, [words, options] = app.net.choices[key]) {
  let offered = options;
  const choose = () => app.set({ [key]: offered[select.selectedIndex][0] });
  const select = make("select", { "data-choice": key, onchange: choose });
  const offer = (those) =>
    select.replaceChildren(...(offered = those).map(([value, text]) => make("option", { value }, text)));
  offer(options);
  return { node: labelled(words, select), offer, draw: () => (select.value = app.state[key]) };
}

/** A checkbox that stands for one choice of the state. */
function createCheck(app, key, text) {
  const box = make("input", { type: "checkbox", "data-choice": key, onchange: () => app.set({ [key]: box.checked }) });
  return { node: make("label", {}, box, text), draw: () => (box.checked = app.state[key]) };
}

/** A slider that stands for one choice; ``read`` turns its position into the value. */
function createSlider(app, key, words, limits, read = Number) {
  const slide = () => app.set({ [key]: read(slider.value) });
  const slider = make("input", { type: "range", min: 0, max: 0, ...limits, "data-choice": key, oninput: slide });
  const output = make("output");
  function draw(value, text, max = slider.max) {
    if (slider.max !== String(max)) slider.max = max;
    if (slider.value !== String(value)) slider.value = value;
    output.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  }
  return { node: labelled(words, slider, output), draw };
}

/** A table with heads on both sides; a cell is a text or an element. */
function fillTable(table, words, heads, rows) {
  const line = ([name, ...cells]) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)));
  const first = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  table.replaceChildren(make("caption", {}, words), make("thead", {}, first), make("tbody", {}, ...rows.map(line)));
}

/** A table of classes: name, bar (start, length and a mark in shares of its room), numbers. */
function fillBars(table, { caption, heads, rows }) {
  const bar = ([from, wide, mark]) =>
    make("div", { class: "hv-track", "--hv-from": from, "--hv-wide": wide, "--hv-mark": mark });
  fillTable(table, caption, heads, rows.map(([name, shares, ...numbers]) => [name, bar(shares), ...numbers]));
}
