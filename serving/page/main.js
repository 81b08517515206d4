// The page: puts together what its other files do.

import { BACKGROUND, FOREGROUND } from "./history.js";
import { listenToDrops, listenToField, readAddress, writeAddress } from "./files.js";
import { bytesOf, download, keepToken, mayBeTurned, withName } from "./files.js";
import { STEP, listKeys, listenToKeys } from "./keyboard.js";
import { listenToPointers } from "./pointer.js";
import { paint, runs } from "./rle.js";
import { Service, ServiceError } from "./service.js";
import { askForToken, dismiss, endWaiting, fail, notice, say, tell } from "./messages.js";
import { PhotoSession } from "./session.js";
import { Stage } from "./stage.js";
import { View } from "./view.js";
import * as words from "./words.js";

const TINT = [30, 144, 255]; // of the mask, as in the overlays that `ioebss-run` writes
const FADE = 10; // per cent of opacity per key
const ZOOM = 1.3;

const element = (id) => document.getElementById(id);
const canvas = element("stage");
const address = readAddress();
const service = new Service(address.token, newToken);
const view = new View();
const stage = new Stage(canvas, view);
let session = null; // the photo on the stage
let opening = null; // the one that is to replace it
let answer = null; // the last mask's numbers
let engine = ""; // what answers the clicks

async function newToken() {
  const token = await askForToken();
  keepToken(token);
  return token;
}

// -- photos --------------------------------------------------------------------------------------

/** Opens a photo; the one on the stage stays until the service has taken the new one. */
async function open(file) {
  const next = begin(file.name || "photo");
  next.photo = await bytesOf(file);
  if (next.closed) return;
  if (!next.photo) fail(words.UNREADABLE);
  const opened = next.photo && (await next.open());
  endWaiting();
  if (opened) {
    await show(next).catch((error) => {
      if (next.closed) return;
      next.close();
      fail(words.ofError(error));
    });
  }
  if (next !== opening) return;
  opening = null;
  render();
}

/** A session that comes onto the stage when it is ready, unless another is asked for before. */
function begin(name) {
  dismiss();
  opening?.close();
  const next = new PhotoSession(service, null, eventsOf(() => next));
  next.name = name;
  opening = next;
  tell(`Opening ${name} …`);
  return next;
}

/** Joins the session that the address names: one that `ioebss-run` opened, or after a reload. */
async function join(id, name) {
  const next = begin(name);
  const { signal } = next.abort;
  try {
    const [state, photo] = await Promise.all([service.state(id, signal), service.photo(id, signal)]);
    Object.assign(next, { id, photo, size: state });
    if (state.started) next.startMask = await service.startMask(id, signal);
    await show(next);
    await next.join(state);
  } catch (error) {
    if (next.closed) return;
    opening = null;
    tell("No photo yet");
    if (error.status === 404) {
      writeAddress(null);
      fail("The session has ended. Choose the photo again.");
    } else {
      notice(words.ofError(error), "error", ["Try again", () => join(id, name)]);
    }
  }
}

/** Puts a session on the stage, unless another was asked for meanwhile. */
async function show(next) {
  const { width, height } = next.size;
  const photo = await picture(next, width, height);
  if (next !== opening) return;
  opening = null;
  session?.close();
  session = next;
  answer = null;
  canvas.hidden = element("tools").hidden = false;
  element("empty").hidden = true;
  stage.resize();
  stage.setPhoto(photo, width, height);
  element("name").textContent = document.title = next.name;
  element("size").textContent = `${width} × ${height}`;
  writeAddress(next.id, next.name);
  render();
  say(`${next.name} is open, ${width} by ${height} pixels.`);
}

/** The photo as something to draw. What this browser cannot read, or would turn in another way, the
 * service draws: an overlay without clicks is the photo. */
async function picture(next, width, height) {
  const own = await createImageBitmap(next.photo).catch(() => null);
  const asLarge = own?.width === width && own.height === height;
  if (asLarge && !(await mayBeTurned(next.photo))) return own;
  const { clicks, started } = next.size;
  const untouched = !clicks.length && !started;
  const { id } = untouched ? next : await service.open(next.photo);
  try {
    return await createImageBitmap(await service.result(id, "overlay"));
  } finally {
    if (!untouched) service.close(id);
  }
}

/** What a session tells the page; a session that is no longer on the stage tells nothing. */
function eventsOf(self) {
  const onStage = () => self() === session;
  return {
    changed: () => onStage() && render(),
    drawn: (drawn) => onStage() && draw(drawn),
    opened: (opened) => {
      self().size = opened;
      if (onStage()) writeAddress(opened.id, session.name);
    },
    reopened: () => onStage() && notice("The session had expired: opened again with your clicks."),
    waiting: (seconds, error) => notice(words.ofWaiting(seconds, error), "waiting"),
    failed: (error) => {
      if (!(error instanceof ServiceError)) console.error(error);
      fail(words.ofError(error));
    },
  };
}

// -- clicks --------------------------------------------------------------------------------------

async function click(pixel, label = chosenLabel()) {
  if (!session) return;
  const { clicks, started } = session.shown;
  if (label === BACKGROUND && !clicks.length && !started) {
    fail("Click on the object first; then on what is too much.");
    return;
  }
  dismiss();
  const answered = await session.click(pixel.x, pixel.y, label);
  if (answered) say(words.ofClick({ ...pixel, label }, answered.area, view.photo));
}

function clickAtCrosshair(label) {
  if (stage.crosshair) click(stage.crosshair, label);
  else moveCrosshair(0, 0, true);
}

async function reset() {
  const removed = session.shown;
  if (!removed.clicks.length && !removed.started) return;
  const owner = session;
  const answered = await owner.reset();
  if (!answered || owner.busy) return; // refused, or clicked on already
  notice("All clicks are removed.", "", ["Bring them back", () => owner.restore(removed)]);
}

/** Draws a mask that has come. */
function draw(drawn) {
  answer = drawn;
  const [left, top, width, height] = drawn.bbox;
  if (!width || !height) {
    stage.setMask(null);
  } else {
    const lengths = runs(drawn.mask.counts);
    stage.setMask(paint(lengths, view.photo.height, drawn.bbox, TINT), left, top);
  }
  render();
}

function chosenLabel() {
  return Number(document.querySelector("#label input:checked").value);
}

function moveCrosshair(dx, dy, fine) {
  if (!session) return;
  const middle = view.pixel(view.width / 2, view.height / 2) ?? { x: 0, y: 0 };
  const from = stage.crosshair;
  const step = fine ? 1 : Math.max(1, Math.round(STEP / view.scale));
  const inside = (value, size) => Math.min(size - 1, Math.max(0, value));
  stage.crosshair = from
    ? {
        x: inside(from.x + dx * step, view.photo.width),
        y: inside(from.y + dy * step, view.photo.height),
      }
    : middle;
  view.reveal(stage.crosshair);
  stage.refresh();
  say(`${stage.crosshair.x}, ${stage.crosshair.y}`);
}

// -- results -------------------------------------------------------------------------------------

async function startFrom(mask) {
  if (!session) return;
  dismiss();
  const owner = session;
  const bytes = await bytesOf(mask);
  if (!bytes) return fail(words.UNREADABLE);
  const answered = await owner.start(bytes);
  if (answered) say("Started from the mask. Correct it with clicks.");
}

async function save(format) {
  element("save-menu").hidePopover();
  const { name } = session;
  const result = await session.save(format);
  if (!result) return;
  download(format === "json" ? await withName(result, name) : result, name, format);
  say("Saved.");
}

// -- what is said --------------------------------------------------------------------------------

/** Brings buttons, words and marks up to date with the session. */
function render() {
  if (!session) return tell("No photo yet");
  if (!session.busy) endWaiting();
  const { clicks, undone, started } = session.shown;
  Object.assign(stage, { clicks, pending: session.pending });
  stage.refresh();
  canvas.dataset.busy = session.busy;
  canvas.dataset.clicks = clicks.length;
  element("start").disabled = false;
  element("undo").disabled = !clicks.length;
  element("redo").disabled = !undone.length;
  element("reset").disabled = !clicks.length && !started;
  element("save").disabled = !clicks.length && !started;
  if (!clicks.length && !started) tell("Click on the object");
  else tell(words.ofAnswer(clicks.length, answer?.area ?? null, view.photo));
  element("engine").textContent = words.ofEngine(answer?.milliseconds, engine);
}

// -- hands ---------------------------------------------------------------------------------------

function setOpacity(percent) {
  const slider = element("opacity");
  slider.value = percent;
  stage.opacity = slider.value / 100;
  stage.refresh();
}

function zoom(factor) {
  const at = stage.crosshair && view.point(stage.crosshair);
  if (at) view.zoom(factor, at.x, at.y);
  else view.zoom(factor);
  stage.refresh();
}

const does = {
  foreground: () => clickAtCrosshair(FOREGROUND),
  background: () => clickAtCrosshair(BACKGROUND),
  undo: () => session?.shown.clicks.length && session.undo(),
  redo: () => session?.shown.undone.length && session.redo(),
  reset: () => session && reset(),
  toggleLabel: () => document.querySelector("#label input:not(:checked)").click(),
  zoomIn: () => zoom(ZOOM),
  zoomOut: () => zoom(1 / ZOOM),
  fit: () => {
    view.fit();
    stage.refresh();
  },
  centre: () => {
    stage.crosshair = null;
    moveCrosshair(0, 0, true);
  },
  move: moveCrosshair,
  fade: () => setOpacity(Number(element("opacity").value) - FADE),
  strengthen: () => setOpacity(Number(element("opacity").value) + FADE),
  toggleMask: () => {
    if (!session) return;
    stage.hidden = !stage.hidden;
    stage.refresh();
    if (stage.hidden) notice("The mask is hidden. M shows it again.");
    else dismiss();
  },
  open: () => element("photo-file").click(),
  start: () => session && element("mask-file").click(),
  save: () => element("save").disabled || element("save-menu").togglePopover(true),
  dismiss,
  help: () => element("help-dialog").showModal(),
};

const buttons = { open: "open", choose: "open", start: "start", help: "help", fit: "fit" };
Object.assign(buttons, { undo: "undo", redo: "redo", reset: "reset" });
Object.assign(buttons, { "zoom-in": "zoomIn", "zoom-out": "zoomOut" });
for (const [id, action] of Object.entries(buttons)) {
  element(id).addEventListener("click", does[action]);
}
for (const button of document.querySelectorAll("#save-menu button")) {
  button.addEventListener("click", () => save(button.dataset.format));
}
element("opacity").addEventListener("input", (event) => setOpacity(event.target.value));
element("notice-close").addEventListener("click", dismiss);
listKeys(element("keys"));
const space = listenToKeys(canvas, does);
listenToPointers(canvas, view, {
  click: (pixel, label) => click(pixel, label ?? chosenLabel()),
  moved: () => stage.refresh(),
  panned: space.used,
  panKey: space.held,
});
listenToDrops(open);
listenToField(element("photo-file"), open);
listenToField(element("mask-file"), startFrom);
new ResizeObserver(() => stage.resize()).observe(canvas);
window.addEventListener("hashchange", () => location.reload());
service.about().then(
  ({ backend, precision }) => {
    engine = `${backend}, ${precision}`;
    if (session) render();
  },
  () => {}, // whatever is wrong, the photo's own requests say it
);
if (address.session) join(address.session, address.name);
