// Mouse, pen and touch on the stage.

import { BACKGROUND } from "./history.js";

const SLOP = 10; // CSS pixels that a finger may move and still tap
const WHEEL = 0.0018; // zoom per pixel of the wheel
const PINCH = 0.01; // and of a pinch on a touch pad, which comes as a wheel with Ctrl
const LINE = 16; // pixels of a wheel that counts lines

/**
 * @param element that is pointed at.
 * @param view a View.
 * @param actions click(pixel, label or null for the chosen one), moved(), panKey() whether the key
 *   that makes the mouse pan is down, panned().
 */
export function listenToPointers(element, view, actions) {
  const fingers = new Map();
  let gesture = null; // null, "tap", "pan" (mouse or one finger), "pinch"

  const place = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const click = (point, label) => {
    const pixel = view.pixel(point.x, point.y);
    if (pixel) actions.click(pixel, label);
  };

  element.addEventListener("pointerdown", (event) => {
    element.dataset.pointed = true;
    const point = place(event);
    fingers.set(event.pointerId, { ...point, start: point });
    element.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") {
      gesture = fingers.size > 1 ? "pinch" : "tap";
      return;
    }
    event.preventDefault(); // no autoscroll on the middle button
    element.focus({ preventScroll: true });
    if (event.button === 1 || (event.button === 0 && actions.panKey())) {
      gesture = "pan";
    } else if (event.button === 2 || event.shiftKey || event.ctrlKey) {
      click(point, BACKGROUND);
    } else if (event.button === 0) {
      click(point, null);
    }
  });

  element.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger || !gesture) return;
    const point = place(event);
    if (gesture === "tap" && distance(point, finger.start) > SLOP) gesture = "pan";
    if (gesture === "pinch") pinch(fingers, event.pointerId, point, view);
    if (gesture === "pan") view.pan(point.x - finger.x, point.y - finger.y);
    if (gesture !== "tap") {
      Object.assign(finger, point);
      actions.moved();
      actions.panned();
    }
  });

  const lift = (event) => {
    const finger = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    if (finger && gesture === "tap" && event.type === "pointerup") click(finger.start, null);
    if (!fingers.size) gesture = null;
    else if (gesture === "pinch" && fingers.size === 1) gesture = "pan"; // the one that stays
  };
  element.addEventListener("pointerup", lift);
  element.addEventListener("pointercancel", lift);
  // The ring around the stage is for who comes by the keyboard.
  for (const type of ["blur", "keydown"]) {
    element.addEventListener(type, () => (element.dataset.pointed = false));
  }
  element.addEventListener("contextmenu", (event) => event.preventDefault());

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
      view.zoom(Math.exp(-pixels * (event.ctrlKey ? PINCH : WHEEL)), x, y);
      actions.moved();
    },
    { passive: false },
  );
}

/** One of two fingers moved: the photo keeps to both, in size and place. */
function pinch(fingers, id, point, view) {
  const other = [...fingers].find(([key]) => key !== id)?.[1];
  if (!other) return;
  const finger = fingers.get(id);
  const before = middle(finger, other);
  const after = middle(point, other);
  view.pan(after.x - before.x, after.y - before.y);
  const factor = Math.max(1, distance(point, other)) / Math.max(1, distance(finger, other));
  view.zoom(factor, after.x, after.y);
}

const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
