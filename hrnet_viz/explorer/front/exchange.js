// ---- Exchange: the parts of one sum, how they add up, and what ReLU leaves ----

function createExchange(app) {
  const slider = createSlider(app, "channel", "Channel", {});
  const measure = createSelect(app, "measure");
  const bar = createBar(app);
  const rows = [0, 0].map(() => make("div", { class: "hv-row" }));
  const [pathViews, sumViews] = rows.map((row) => createViews(app, row, false));
  const equation = make("p", { class: "hv-equation" });
  const table = make("table", { class: "hv-shares" });
  const node = make("div", {},
    createControls(slider, bar), make("h4", {}, "What each branch contributes"), rows[0],
    make("h4", {}, "Added up one after the other, and what ReLU leaves"), rows[1], equation,
    make("p", { class: "hv-note" }, "These maps share one scale. Double click or Enter selects a site."),
    createControls(measure), table);
  const lane = app.lane();
  let parts, shares;
  function draw(changed) {
    measure.draw();
    if (has(changed, "photo", "site")) lane(load);
    else if (parts) {
      if (changed.has("measure")) showShares();
      if (changed.has("channel")) show();
      pathViews.draw();
      sumViews.draw();
      tellPlace();
    }
  }
  async function load() {
    const { photo } = app.state;
    const sum = app.nodes.get(app.landmark().sum);
    const asked = app.source.ask("shares", photo, sum.site.replace(/\.[^.]+$/, ""));
    const floats = await Promise.all(sum.inputs.map((site) => app.source.floats(photo, site)));
    shares = (await asked).meta;
    parts = { sum, floats };
    show();
    showShares();
    tellPlace();
  }
  /** Every path, every running sum, and what ReLU leaves of the last, for the chosen channel. */
  function show() {
    const { sum, floats } = parts;
    const [{ rows: high, columns: wide, channels }] = floats;
    const channel = clamp(app.state.channel, 0, channels - 1);
    slider.draw(channel, `${channel} of ${channels}`, channels - 1);
    const each = floats.map((one) => takeMap(one, channel));
    const running = [each[0]];
    for (const part of each.slice(1)) running.push(running.at(-1).map((value, k) => value + part[k]));
    const out = running.at(-1).map((value) => Math.max(value, 0));
    const planes = (those) => those.map((numbers) => quantise(numbers, high, wide, true));
    Object.assign(parts, { channel, paths: planes(each), sums: planes([...running.slice(1), out]) });
    const reach = Math.max(...[...parts.paths, ...parts.sums].flatMap((plane) => [-plane.low, plane.high]));
    const limits = [-reach, reach];
    bar.show(limits, true);
    const { branches } = app.net;
    pathViews.show(parts.paths.map((plane, k) => ({ plane, limits, title: sum.inputs[k], colour: branches[k] })));
    const titles = [...running.slice(2).map((_, k) => `paths 0 to ${k + 1}`), sum.site, sum.feeds[0]];
    sumViews.show(parts.sums.map((plane, k) => ({ plane, limits, title: titles[k], colour: sum.colour })));
  }
  /** The sum at the selected place, in numbers. */
  function tellPlace() {
    const [row, column] = findCell(parts.paths[0], app.spot(), app.photo);
    const at = ({ numbers, columns }) => exact(numbers[row * columns + column]);
    const terms = parts.paths.map(at).map((text) => (text.startsWith("\u2212") ? `(${text})` : text));
    const [sum, out] = parts.sums.slice(-2).map(at);
    const sure = shares.exact ? "Added so, the paths give the net\u2019s sums to the bit." : "";
    const words = `Channel ${parts.channel}, row ${row}, column ${column}: `;
    const total = make("strong", {}, `${terms.join(" + ")} = ${sum}`);
    equation.replaceChildren(words, total, `; after ReLU ${out}. ${sure}`);
  }
  function showShares() {
    const { caption, rows: lines } = shares.measures[app.state.measure];
    const button = ([site, text, share], j) => make("button", {
      "aria-pressed": site === app.state.site, "aria-label": `${site}: ${text}`, onclick: () => app.set({ site }),
      "--hv-share": share, "--hv-own": app.net.branches[j],
    }, text);
    const heads = ["from branch", ...lines.keys()];
    fillTable(table, caption, heads, lines.map((line, i) => [`to output ${i}`, ...line.map(button)]));
  }
  return { node, draw };
}
