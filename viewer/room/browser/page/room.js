// Hands: keys and buttons become "this began" and "this ended"; what they mean is decided on the server.
(() => {
  const NAMES = {
    " ": "Space", ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right", PageUp: "Page Up",
    PageDown: "Page Down", PrintScreen: "Print", ContextMenu: "Menu",
  };
  const PADS = { Add: "+", Subtract: "-", Multiply: "*", Divide: "/", Decimal: ".", Enter: "Enter" };
  const MODIFIERS = new Set(["Control", "Shift", "Alt", "AltGraph", "Meta"]);
  const down = new Map();
  let held = null;
  let pressing = false;

  const tell = (what, ...words) => window.trame && window.trame.trigger(what, words);

  function named(event) {
    if (MODIFIERS.has(event.key)) return null;
    let name = NAMES[event.key] || (event.key.length === 1 ? event.key.toUpperCase() : event.key);
    if (event.code.startsWith("Numpad")) {
      const pad = event.code.slice(6);
      name = `Numpad ${PADS[pad] || pad}`;
    }
    return [event.ctrlKey && "Ctrl", event.altKey && "Alt", event.shiftKey && "Shift", name].filter(Boolean).join("+");
  }

  function letGo() {
    if (held) held.classList.remove("down");
    held = null;
    pressing = false;
    down.clear();
    tell("let_go");
  }

  window.addEventListener("keydown", (event) => {
    const bound = (window.trame && window.trame.state.get("bound")) || [];
    const name = named(event);
    if (!bound.includes(name) && !down.has(event.code)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat || down.has(event.code)) return;
    down.set(event.code, name);
    tell("key", name, true);
  }, true);

  window.addEventListener("keyup", (event) => {
    // What ends is what began with this key, whatever modifiers are held by now.
    if (!down.has(event.code)) return;
    event.preventDefault();
    tell("key", down.get(event.code), false);
    down.delete(event.code);
  }, true);

  // A dead man's pedal: what is held is let go of when nobody says that it still is.
  setInterval(() => (held || down.size || pressing) && tell("here"), 1000);

  document.addEventListener("pointerdown", () => {
    // The probe in the 3-D view is held by the mouse alone.
    pressing = true;
    tell("here");
  }, true);
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => { pressing = false; }, true);

  window.addEventListener("blur", letGo);
  document.addEventListener("visibilitychange", () => document.hidden && letGo());

  document.addEventListener("pointerdown", (event) => {
    const button = event.target.closest("button[data-verb]");
    if (!button || button.disabled || event.button !== 0) return;
    event.preventDefault();
    if (!("held" in button.dataset)) return tell("press", button.dataset.verb, button.dataset.value ?? true);
    held = button;
    held.classList.add("down");
    tell("press", held.dataset.verb, true);
  });

  document.addEventListener("wheel", (event) => {
    const slice = event.target.closest("img[data-slice]");
    if (!slice) return;
    event.preventDefault();
    // A notch is 100 pixels in most browsers, 3 lines in others; away from the person is on.
    tell("wheel", slice.dataset.slice, -event.deltaY / (event.deltaMode === 1 ? 3 : 100), event.ctrlKey);
  }, { passive: false });

  // Where time can be chosen, the drawing says which time lies where.
  let chosen = null;

  function choose(event) {
    const drawing = chosen.querySelector("svg[data-end]");
    const { end, margin, width } = drawing.dataset;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    tell("press", "time", ((at.x - margin) / (width - 2 * margin)) * end);
  }

  document.addEventListener("pointerdown", (event) => {
    chosen = event.button === 0 ? event.target.closest(".timeline:has(svg[data-end])") : null;
    if (chosen) choose(event);
  });
  document.addEventListener("pointermove", (event) => chosen && choose(event));

  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, () => (chosen = null));
    document.addEventListener(kind, () => {
      if (!held) return;
      held.classList.remove("down");
      tell("press", held.dataset.verb, false);
      held = null;
    });
  }
})();
