// ---- host: a kernel behind an anywidget model; questions and answers are custom messages ----

const REST = 60; // ms that choices are collected before the kernel hears of them

function createKernelHost(model) {
  const waiting = new Map(); // number of a question -> [resolve, reject]
  let [asked, timer] = [0, 0];
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
  model.on("msg:custom", hear);
  return {
    live: true,
    ask,
    fetchSite: (site) => ask(["maps", model.get("photo"), site]),
    get: (key) => model.get(key),
    set(key, value) {
      model.set(key, value);
      timer ||= setTimeout(() => model.save_changes((timer = 0)), REST);
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
