// The marks on the photo: a dot per click, and the crosshair that the keyboard moves. As large on
// the screen at any zoom, and told apart by their sign, not by colour alone.

import { FOREGROUND } from "./history.js";

const RADIUS = 7.5;
const GREEN = "#178a3a";
const RED = "#d3291c";

/** A click's dot: green with a plus or red with a minus; hollow until it is answered. */
export function drawDot(context, { x, y }, label, answered) {
  const colour = label === FOREGROUND ? GREEN : RED;
  context.save();
  context.lineCap = "round";
  context.shadowColor = "rgba(0, 0, 0, 0.45)";
  context.shadowBlur = 4;
  disc(context, x, y, RADIUS + 1.5, "#ffffff");
  context.shadowColor = "transparent";
  disc(context, x, y, RADIUS, colour);
  if (!answered) disc(context, x, y, RADIUS - 2.5, "#ffffff");
  context.beginPath();
  context.moveTo(x - 3, y);
  context.lineTo(x + 3, y);
  if (label === FOREGROUND) {
    context.moveTo(x, y - 3);
    context.lineTo(x, y + 3);
  }
  context.lineWidth = 2;
  context.strokeStyle = answered ? "#ffffff" : colour;
  context.stroke();
  context.restore();
}

/** Four strokes around a pixel, and its square where it is large enough to be seen. */
export function drawCrosshair(context, { x, y }, scale) {
  const gap = Math.max(5, scale / 2 + 1);
  const end = gap + 16;
  context.save();
  context.lineCap = "round";
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + dx * gap, y + dy * gap);
    context.lineTo(x + dx * end, y + dy * end);
  }
  if (scale >= 4) context.rect(x - scale / 2, y - scale / 2, scale, scale);
  context.lineWidth = 4.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.7)";
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = "#ffffff";
  context.stroke();
  context.restore();
}

function disc(context, x, y, radius, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
