// ---- the map of the network: depth from left to right, resolution from top to bottom ----

function createNetwork(app) {
  const { size: [wide, high], nodes, lines, rows, columns } = app.net;
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${wide} ${high}`, role: "listbox", "aria-label": "Map of the network", "--hv-natural": `${wide}px`,
    onclick: choose, onkeydown: walk,
  });
  const scroll = make("div", { class: "hv-network" }, svg);
  const about = make("p", { class: "hv-about" });
  const silent = { "aria-hidden": "true" };
  const put = (tag, properties, ...texts) => svg.appendChild(makeSvg(tag, { ...silent, ...properties }, ...texts));
  const sizes = rows.map(([stride, y]) => {
    put("path", { class: "hv-lane", d: `M66 ${y}H${wide}` });
    put("text", { x: 4, y: y - 2 }, `stride ${stride}`);
    return put("text", { x: 4, y: y + 12, "fill-opacity": 0.75 });
  });
  for (const [words, left, right] of columns) {
    put("text", { x: (left + right) / 2, y: 13, class: "hv-middle" }, words);
    put("path", { class: "hv-rule", d: `M${left + 3} 20H${right - 3}` });
  }
  const joins = lines.map(([d, from, to]) => [put("path", { class: "hv-line", d }), from, to]);
  // Boxes come after the paths, so that they are the ones hit where both lie.
  const inOrder = [...nodes].sort((a, b) => (b.source !== null) - (a.source !== null));
  const drawn = new Map(inOrder.map((node) => [node.site, drawNode(node)]));
  function drawNode({ site, at: [x, y], outline: d, text, colour, source, facts }) {
    const words = makeSvg("text", { ...silent, x, y: y + 4, class: "hv-middle" }, text);
    const shapes = ["hv-hit", "hv-shape"].map((name) => makeSvg("path", { class: name, d }));
    return svg.appendChild(makeSvg("g", {
      role: "option", tabindex: -1, "data-site": site, "aria-label": `${site}, ${facts[0]}`, "--hv-own": colour,
      class: source === null ? "hv-box" : "hv-path",
    }, makeSvg("title", {}, site), ...shapes, words));
  }
  function choose({ target }) {
    const group = target.closest("[data-site]");
    if (group) app.set({ site: group.dataset.site });
  }
  function walk(event) {
    const way = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].indexOf(event.key);
    const next = { Home: nodes[0].site, End: nodes.at(-1).site }[event.key] ?? app.landmark().go[way];
    if (!next) return;
    event.preventDefault();
    app.set({ site: next });
    drawn.get(next).focus();
  }
  function draw() {
    const { site, inputs, feeds, facts, at } = app.landmark();
    const light = (part, ...on) => ["hv-feeding", "hv-fed"].forEach((name, k) => part.classList.toggle(name, on[k]));
    for (const [name, group] of drawn) {
      group.setAttribute("aria-selected", name === site);
      group.setAttribute("tabindex", name === site ? 0 : -1);
      light(group, inputs.includes(name), feeds.includes(name));
    }
    for (const [line, from, to] of joins) light(line, to === site, from === site);
    sizes.forEach((text, row) => (text.textContent = app.photo.sizes[row]));
    const words = app.state.site === site ? facts : [`inside ${site}`];
    about.replaceChildren(make("strong", {}, app.state.site), ...words.map((fact) => make("span", {}, fact)));
    const x = (at[0] * svg.clientWidth) / wide - scroll.scrollLeft;
    if (x < 80 || x > scroll.clientWidth - 40) scroll.scrollLeft += x - scroll.clientWidth / 2;
  }
  return { node: make("section", { "aria-label": "Network" }, scroll, about), draw };
}
