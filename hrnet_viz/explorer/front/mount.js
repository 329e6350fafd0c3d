// ---- the explorer: one state, panels that draw it, and a host that keeps it ----

const SILENT = "The kernel has not answered for 10 s: if it is not busy, run the cell again.";
const GONE = "The kernel was restarted or has ended: run the cell again.";
const PANELS = {
  maps: createMaps, branches: createBranches, exchange: createExchange, cam: createCam, ablation: createAblation,
  photos: createPhotos,
};

/** Show an explorer in an element. Gives a function that takes it away again. */
function mount(el, host) {
  // Until the first answer the element does not count as an explorer: a notebook shows its stored picture instead.
  const root = make("section", { "aria-label": "HRNet explorer" }, "No kernel has answered yet. Run the cell.");
  el.append(root);
  const closing = new AbortController();
  start(root, host, closing.signal)
    .catch((error) => (root.textContent = error.message))
    .finally(() => (root.className = "hv-explorer"));
  return () => closing.abort(root.remove());
}

async function start(root, host, closing) {
  const { meta: net, buffer } = await host.ask(["net"]);
  closing.throwIfAborted();
  const status = make("p", { class: "hv-status", role: "status" });
  const atEnd = (end) => closing.addEventListener("abort", end);
  const pixels = readPixels(new Uint8Array(buffer));
  const tables = { sequential: pixels.slice(0, 256), signed: pixels.slice(256) };
  const app = createApp(host, net, tables, root, status, atEnd);
  await app.loadPhoto();
  root.replaceChildren(...build(app, root, status));
  app.redraw(net.state);
}

function createApp(host, net, tables, root, status, atEnd) {
  const nodes = new Map(net.nodes.map((node) => [node.site, node]));
  const read = () => Object.fromEntries(net.state.map((key) => [key, host.get(key)]));
  const state = read();
  const source = createSource(host, nodes);
  let changed = new Set();
  const scheduler = createScheduler(() => {
    const those = changed;
    changed = new Set();
    app.draw(those);
  });
  const say = (text) => status.textContent !== text && (status.textContent = text);
  const photoLane = createLane(say);
  /** Say what went wrong; until it is mended, the panel hides what the choices do not stand for any more. */
  const report = (host.tell = (text, isStale = text !== "") => {
    if (text || status.textContent === SILENT) say(text);
    root.classList.toggle("hv-stale", isStale);
    if (text === GONE) for (const part of root.children) part.inert = part !== status;
  });
  const app = {
    host, net, tables, nodes, state, source, say, photo: null, hovered: null, set, loadPhoto, redraw, atEnd,
    lane: () => createLane(report, () => report("")),
    spot: () => app.hovered ?? state.place,
    hover: (place) => redraw(["hover"], (app.hovered = place)),
    watchSize(element, heard) {
      const observer = new ResizeObserver(([{ contentRect: { width } }]) => width && heard(width));
      observer.observe(element);
      atEnd(() => observer.disconnect());
    },
    /** The landmark that the selected site is or lies in. */
    landmark() {
      let name = state.site;
      while (!nodes.has(name)) name = name.slice(0, name.lastIndexOf("."));
      return nodes.get(name);
    },
  };
  atEnd(scheduler.stop);
  atEnd(host.subscribe(() => take(read())));
  function redraw(keys) {
    keys.forEach((key) => changed.add(key));
    scheduler.request();
  }
  /** Take changes, whoever made them: all are put down before any is drawn; a new photo is drawn when it is there. */
  function take(changes) {
    const fresh = Object.keys(changes).filter((key) => String(state[key]) !== String(changes[key]));
    for (const key of fresh) state[key] = changes[key];
    const others = fresh.filter((key) => key !== "photo");
    if (others.length < fresh.length) photoLane(async () => redraw(["photo"], await loadPhoto()));
    if (others.length) redraw(others);
  }
  function set(changes) {
    const channels = nodes.get(changes.site)?.channels;
    if (channels <= state.channel) changes = { ...changes, channel: channels - 1 };
    say("");
    take(changes);
    for (const [key, value] of Object.entries(changes)) host.set(key, value);
  }
  async function loadPhoto() {
    const { meta, buffer } = await source.ask("photo", state.photo);
    const { rows, columns, box: [left, top, right, bottom] } = meta;
    const pixels = readPixels(new Uint8Array(buffer));
    const at = (from, to, share) => Math.floor(from + (to - from) * share);
    const where = ([row, column]) => [at(top, bottom, (row + 0.5) / rows), at(left, right, (column + 0.5) / columns)];
    app.photo = { ...meta, pixels, where, canvas: putPixels(make("canvas"), pixels, columns) };
    state.place = [clamp(state.place[0], 0, rows - 1), clamp(state.place[1], 0, columns - 1)];
  }
  return app;
}

/** Put the parts together: head, map of the network, tabs, panels. */
function build(app, root, status) {
  const answer = make("strong");
  const overlay = createCheck(app, "overlay", "over the photo");
  const [theme, zoom] = ["theme", "zoom"].map((key) => createSelect(app, key));
  const network = createNetwork(app);
  const tabs = make("div", { role: "tablist", "aria-label": "Views", onkeydown: turn });
  const id = `hv-${Math.random().toString(36).slice(2)}`;
  const panels = app.net.choices.panel[1].map(([name, words]) => {
    const [own, other] = [`${id}-${name}`, `${id}-${name}-panel`];
    const tell = { role: "tab", id: own, "aria-controls": other, onclick: () => app.set({ panel: name }) };
    const tab = tabs.appendChild(make("button", tell, words));
    return { name, tab, node: make("div", { role: "tabpanel", id: other, "aria-labelledby": own }) };
  });
  function turn(event) {
    const way = WAYS[event.key]?.[1];
    if (!way) return;
    event.preventDefault();
    const next = panels.at((panels.findIndex(({ name }) => name === app.state.panel) + way) % panels.length);
    app.set({ panel: next.name });
    next.tab.focus();
  }
  app.draw = (changed) => {
    if (has(changed, "site", "photo")) network.draw();
    answer.textContent = `${app.photo.name}: ${app.photo.words}`;
    answer.classList.toggle("hv-outside", app.photo.outside);
    root.dataset.theme = app.state.theme;
    for (const control of [theme, overlay, zoom]) control.draw();
    for (const panel of panels) {
      const chosen = panel.name === app.state.panel;
      panel.tab.setAttribute("aria-selected", chosen);
      panel.tab.setAttribute("tabindex", chosen ? 0 : -1);
      panel.node.hidden = !chosen;
      if (!chosen) continue;
      if (!panel.made) panel.node.append((panel.made = PANELS[panel.name](app)).node);
      panel.made.draw(changed.has("panel") ? new Set(app.net.state) : changed);
    }
  };
  return [
    make("header", {}, make("h3", {}, app.net.name), answer, theme.node), network.node,
    make("div", { class: "hv-tabs" }, tabs, overlay.node, zoom.node), status, ...panels.map(({ node }) => node),
  ];
}
