// ---- host: a kernel behind an anywidget model; questions and answers are custom messages ----

const REST = 60; // ms that choices are collected before the kernel hears of them

function createKernelHost(model) {
  const waiting = new Map(); // number of a question -> [resolve, reject]
  const mine = new Map(); // choices that the model will hear of; until then an echo of older ones must not undo them
  let asked = 0;
  let timer;
  function hear({ answer, meta, error }, [data]) {
    const [resolve, reject] = waiting.get(answer) ?? [];
    waiting.delete(answer);
    if (error) reject?.(new Error(error));
    // A copy of its own starts where floats may start.
    else resolve?.({ meta, buffer: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) });
  }
  function ask(question, bytes) {
    return new Promise((resolve, reject) => {
      waiting.set(++asked, [resolve, reject]);
      model.send({ ask: asked, question }, undefined, bytes ? [bytes] : []);
    });
  }
  const get = (key) => mine.get(key) ?? model.get(key);
  function send() {
    timer = null;
    for (const [key, value] of mine) model.set(key, value);
    mine.clear();
    model.save_changes();
  }
  model.on("msg:custom", hear);
  return {
    live: true,
    ask,
    fetchSite: (site) => ask(["maps", get("photo"), site]),
    get,
    set(key, value) {
      mine.set(key, value);
      timer ||= setTimeout(send, REST);
    },
    subscribe(heard) {
      model.on("change", heard);
      return () => model.off("change", heard);
    },
    close: () => model.off("msg:custom", hear),
  };
}

function render({ model, el }) {
  const host = createKernelHost(model);
  const end = mount(el, host);
  return () => end(host.close());
}
