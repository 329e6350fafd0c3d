// ---- Photos: choose a sample, upload one's own, see what the net answers ----

const PIECE = 1 << 20; // bytes per message: servers end a connection that carries one of many megabytes

function createPhotos(app) {
  const list = make("div", { class: "hv-thumbs", role: "group", "aria-label": "Photos" });
  const file = make("input", { type: "file", accept: "image/*", onchange: () => uploading(upload) });
  const picture = make("canvas", { role: "img" });
  const credit = make("figcaption");
  const answer = make("strong");
  const table = make("table", { class: "hv-bars" });
  const node = make("div", {},
    ...(app.host.live ? [createControls(labelled("Upload a photo", file))] : []), list,
    make("div", { class: "hv-split" },
      make("figure", {}, picture, credit), make("div", {}, answer, createRoom("Answers", table))));
  const [lane, uploading] = [app.lane(), createLane(app.say)];
  function draw(changed) {
    if (!changed.has("photo")) return;
    lane(load);
    const { photo } = app;
    putPixels(picture, photo.pixels, photo.columns).setAttribute("aria-label", `${photo.name}, as the net sees it`);
    credit.textContent = [photo.name, photo.credit].filter(Boolean).join(". ");
    answer.textContent = photo.words;
    answer.classList.toggle("hv-outside", photo.outside);
    fillBars(table, photo.answers);
  }
  async function load() {
    const { meta: { names, side }, buffer } = await app.host.ask(["samples"]); // new ones may come from another view
    list.replaceChildren(...names.map((name, k) => {
      const pixels = readPixels(new Uint8Array(buffer, k * 3 * side * side, 3 * side * side));
      const canvas = putPixels(make("canvas", { "aria-hidden": "true" }), pixels, side);
      const chosen = { "aria-pressed": name === app.state.photo, onclick: () => app.set({ photo: name }) };
      return make("button", chosen, canvas, make("span", {}, name));
    }));
  }
  async function upload() {
    const [chosen] = file.files;
    app.say(`Reading ${chosen.name} \u2026`);
    const bytes = await chosen.arrayBuffer();
    file.value = "";
    const pieces = Math.ceil(bytes.byteLength / PIECE) || 1;
    let read;
    for (let k = 0; k < pieces; k++) {
      read = await app.host.ask(["upload", chosen.name, k, pieces], bytes.slice(k * PIECE, (k + 1) * PIECE));
    }
    app.set({ photo: read.meta.photo });
  }
  return { node, draw };
}
