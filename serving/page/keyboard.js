// Keys, and what the help says of them: one table.

/** How far an arrow key moves the crosshair, in CSS pixels; with Shift it is one photo pixel. */
export const STEP = 10;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** [what is pressed, as the help names it; what it does; keys, as `event.key`; the action] */
const TABLE = [
  ["Arrow keys", "move the crosshair; with Shift by one pixel", Object.keys(ARROWS), "move"],
  ["Enter or Space", "click on the object", ["Enter"], "foreground"],
  ["B or Backspace", "click on the background", ["b", "Backspace"], "background"],
  ["U", "undo", ["u"], "undo"],
  ["R", "redo", ["r"], "redo"],
  ["X", "remove all clicks", ["x"], "reset"],
  ["T", "switch what a plain click says", ["t"], "toggleLabel"],
  ["+ and -", "zoom in and out", ["+", "="], "zoomIn"],
  [null, null, ["-", "_"], "zoomOut"],
  ["0", "show the whole photo", ["0", "f"], "fit"],
  ["C", "move the crosshair to the middle", ["c"], "centre"],
  ["[ and ]", "mask more and less transparent", ["["], "fade"],
  [null, null, ["]"], "strengthen"],
  ["M", "hide or show the mask", ["m"], "toggleMask"],
  ["Space and drag", "move the photo, as the middle button does", [], ""],
  ["O", "open a photo", ["o"], "open"],
  ["I", "start from a mask", ["i"], "start"],
  ["S", "save", ["s"], "save"],
  ["?", "this list", ["?"], "help"],
  [null, null, ["Escape"], "dismiss"],
];

/** Fills a <dl> with the keys. */
export function listKeys(list) {
  for (const [name, meaning] of TABLE) {
    if (!name) continue;
    const term = document.createElement("dt");
    term.textContent = name;
    const description = document.createElement("dd");
    description.textContent = meaning;
    list.append(term, description);
  }
}

/**
 * Listens to keys anywhere on the page but in fields and dialogs.
 * @param stage the element whose Enter, Space and arrows are clicks and moves; buttons keep theirs.
 * @param actions by the names in the table; move(dx, dy, fine).
 * @returns held(): whether Space is down; used(): Space made the mouse pan, so it is no click.
 */
export function listenToKeys(stage, actions) {
  const named = new Map(TABLE.flatMap(([, , keys, action]) => keys.map((key) => [key, action])));
  let space = null; // null, "down", "used"

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTaken(event.target)) return;
    const action = event.ctrlKey || event.metaKey ? withControl(event) : plain(event, named);
    if (!action || event.altKey) return;
    const ofStage = action === "move" || event.key === "Enter" || event.key === " ";
    if (ofStage && event.target !== stage && event.target !== document.body) return;
    event.preventDefault();
    if (action === "space") space ??= "down";
    else if (action === "move") actions.move(...ARROWS[event.key], event.shiftKey);
    else if (!event.repeat || action.startsWith("zoom")) actions[action]();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    if (space === "down") actions.foreground();
    space = null;
  });
  window.addEventListener("blur", () => (space = null));
  return { held: () => space !== null, used: () => (space &&= "used") };
}

function plain(event, named) {
  if (event.key === " ") return "space";
  if (event.key === "Enter" && event.shiftKey) return "background";
  return named.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** The keys for undo and redo that every editor has. */
function withControl(event) {
  const key = event.key.toLowerCase();
  if (key === "z") return event.shiftKey ? "redo" : "undo";
  return key === "y" ? "redo" : null;
}

/**
 * Whether keys mean something else there. Switch and slider use none but those of the stage. A menu that has been closed may
 * keep the focus until the next picture is drawn; it takes no keys any more.
 */
function isTaken(target) {
  return target.closest?.("dialog[open], :popover-open") || target.matches?.("#token");
}
