// What is seen of a session: the photo, the mask over it with its outline, the clicks, the
// crosshair. Everything is drawn anew, once per frame at most, whenever something changed.

import { drawCrosshair, drawDot } from "./marks.js";

const OUTLINES = [
  { radius: 2.6, colour: "rgba(10, 20, 40, 0.55)" },
  { radius: 1.5, colour: "#ffffff" },
];
const DIRECTIONS = 12; // of the shifted copies that an outline is made of
const CRISP = 3; // CSS pixels per photo pixel from which pixels are shown as squares

export class Stage {
  /** @param canvas to draw on. @param view a View. */
  constructor(canvas, view) {
    Object.assign(this, { canvas, view, photo: null, mask: null });
    Object.assign(this, { clicks: [], pending: 0, crosshair: null, opacity: 0.45, hidden: false });
    this.context = canvas.getContext("2d");
    this.outline = document.createElement("canvas").getContext("2d");
    this.ring = document.createElement("canvas").getContext("2d");
    this.outlined = "";
    this.masks = 0;
    this.frame = 0;
  }

  /** Another photo, without mask or clicks. @param photo what a canvas can draw. */
  setPhoto(photo, width, height) {
    Object.assign(this, { photo, clicks: [], pending: 0, crosshair: null });
    this.view.show(width, height);
    this.setMask(null);
  }

  /** The mask's pixels (ImageData) and where they lie in the photo, or null for no mask. */
  setMask(picture, left = 0, top = 0) {
    this.masks += 1;
    this.mask = null;
    if (picture) {
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d").putImageData(picture, 0, 0);
      this.mask = { canvas, left, top };
    }
    this.refresh();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.density = window.devicePixelRatio || 1;
    for (const { canvas } of [this.context, this.outline, this.ring]) {
      canvas.width = Math.max(1, Math.round(width * this.density));
      canvas.height = Math.max(1, Math.round(height * this.density));
    }
    this.outlined = "";
    this.view.resize(width, height);
    this.#draw(); // at once: a resized canvas is empty
  }

  refresh() {
    this.frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { context, view } = this;
    clear(context);
    if (!this.photo) return;
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.#drawPhoto(context);
    if (!this.hidden) {
      if (this.mask) this.#drawMask(context);
      const sure = this.clicks.length - this.pending;
      this.clicks.forEach((click, index) => {
        drawDot(context, view.point(click), click.label, index < sure);
      });
    }
    if (this.crosshair) drawCrosshair(context, view.point(this.crosshair), view.scale);
  }

  #drawPhoto(context) {
    const { x, y, scale, photo } = this.view;
    const place = [x, y, photo.width * scale, photo.height * scale];
    context.save();
    context.shadowColor = "rgba(0, 0, 0, 0.28)";
    context.shadowBlur = 28 * this.density;
    context.shadowOffsetY = 6 * this.density;
    context.fillRect(...place);
    context.restore();
    context.imageSmoothingEnabled = scale < CRISP;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.photo, ...place);
  }

  #drawMask(context) {
    const { x, y, scale, photo, width, height } = this.view;
    this.#makeOutline();
    context.save();
    context.beginPath();
    context.rect(x, y, photo.width * scale, photo.height * scale);
    context.clip();
    context.globalAlpha = this.opacity;
    this.#silhouette(context);
    context.globalAlpha = 1;
    context.drawImage(this.outline.canvas, 0, 0, width, height);
    context.restore();
  }

  /** The mask in its place, moved by (dx, dy) CSS pixels. */
  #silhouette(context, dx = 0, dy = 0) {
    const { x, y, scale } = this.view;
    const { canvas, left, top } = this.mask;
    context.imageSmoothingEnabled = scale < CRISP;
    context.drawImage(
      canvas,
      x + left * scale + dx,
      y + top * scale + dy,
      canvas.width * scale,
      canvas.height * scale,
    );
  }

  /** The outline, as wide on the screen at any zoom: copies of the mask, moved all round, less the
   * mask itself. Kept until the mask or the view changes. */
  #makeOutline() {
    const { x, y, scale } = this.view;
    const key = [this.masks, x, y, scale].join();
    if (key === this.outlined) return;
    this.outlined = key;
    clear(this.outline);
    for (const { radius, colour } of OUTLINES) {
      this.#fillRing(radius, colour);
      this.outline.drawImage(this.ring.canvas, 0, 0);
    }
    this.outline.globalCompositeOperation = "destination-out";
    this.outline.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.#silhouette(this.outline);
    this.outline.setTransform(1, 0, 0, 1, 0, 0);
    this.outline.globalCompositeOperation = "source-over";
  }

  #fillRing(radius, colour) {
    clear(this.ring);
    this.ring.setTransform(this.density, 0, 0, this.density, 0, 0);
    for (let step = 0; step < DIRECTIONS; step++) {
      const angle = (2 * Math.PI * step) / DIRECTIONS;
      this.#silhouette(this.ring, radius * Math.cos(angle), radius * Math.sin(angle));
    }
    this.ring.globalCompositeOperation = "source-in";
    this.ring.fillStyle = colour;
    this.ring.fillRect(0, 0, this.view.width, this.view.height);
    this.ring.globalCompositeOperation = "source-over";
  }
}

function clear(context) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}
