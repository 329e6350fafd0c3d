// ---- Ablation: scale one path or branch, and see what becomes of the logits ----

function createAblation(app) {
  const edited = createSelect(app, "edited");
  const [, offered] = app.net.choices.edited;
  const take = make("button", { onclick: () => app.set({ edited: app.state.site }) });
  const slider = createSlider(app, "factor", "by", { max: 2, step: 0.05 }, (text) => findNearest(Number(text)));
  const set = (factor) => make("button", { onclick: () => app.set({ factor }) }, `\u00d7 ${factor}`);
  const effect = make("p");
  const table = make("table", { class: "hv-bars" });
  const note = make("p", { class: "hv-note" });
  const node = make("div", {}, createControls(edited, take, slider, ...[0, 0.5, 1, 2].map(set)), effect,
    createRoom("Logits", table), note);
  const lane = app.lane();
  /** Factors that a kernel-free file holds for the chosen site. */
  const held = () => app.host.held?.(app.state.edited);
  const findNearest = (wanted) => held()?.sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0] ?? wanted;
  function draw(changed) {
    const { site, edited: place, factor } = app.state;
    edited.offer(offered.some(([value]) => value === place) ? offered : [...offered, [place, place]]);
    edited.draw();
    take.textContent = `take ${site}`;
    take.disabled = site === place;
    slider.draw(factor, `\u00d7 ${short(factor)}`);
    if (has(changed, "photo", "edited", "factor", "target")) lane(load);
    note.textContent = held() ? `This file holds these factors of ${place}: ${held().join(", ") || "none"}.`
      : "Scaling damages a net that was trained whole; it does not tell what a net trained without this part would do.";
  }
  async function load() {
    const { photo, edited: site, factor, target } = app.state;
    const { words, ...bars } = (await app.source.ask("ablation", photo, site, factor, target)).meta;
    effect.textContent = words;
    fillBars(table, bars);
  }
  return { node, draw };
}
