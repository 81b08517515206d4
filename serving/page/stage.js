// What is seen of a session: the photo, the mask over it with its outline, the clicks, the
// crosshair. Everything is drawn anew, once per frame at most, whenever something changed.

import { drawCrosshair, drawDot } from "./marks.js";

const OUTLINES = [
  { radius: 2.6, colour: "rgba(10, 20, 40, 0.55)" },
  { radius: 1.5, colour: "#ffffff" },
];
const LAYERS = ["shape", "ring", "outline"]; // as large as the stage
const DIRECTIONS = 12; // of the shifted copies that an outline is made of
const CRISP = 3; // CSS pixels per photo pixel from which pixels are shown as squares

export class Stage {
  /** @param canvas to draw on. @param view a View. */
  constructor(canvas, view) {
    Object.assign(this, { canvas, view, photo: null, mask: null });
    Object.assign(this, { clicks: [], pending: 0, crosshair: null, opacity: 0.45, hidden: false });
    this.context = canvas.getContext("2d");
    for (const layer of LAYERS) this[layer] = document.createElement("canvas").getContext("2d");
    this.layered = "";
    this.masks = 0;
    this.frame = 0;
  }

  /** Another photo, without mask or clicks. @param photo an ImageBitmap. */
  setPhoto(photo, width, height) {
    this.photo?.close();
    Object.assign(this, { photo, clicks: [], pending: 0, crosshair: null, hidden: false });
    this.view.show(width, height);
    this.setMask(null);
  }

  /** The mask, as rle.js paints it, and where it lies in the photo; or null for no mask. */
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
    for (const { canvas } of [this.context, ...LAYERS.map((layer) => this[layer])]) {
      canvas.width = Math.max(1, Math.round(width * this.density));
      canvas.height = Math.max(1, Math.round(height * this.density));
    }
    this.layered = "";
    this.view.resize(width, height);
    this.#draw(); // at once: a resized canvas is empty
  }

  refresh() {
    this.frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    // A window that moves to another screen may keep its size in CSS pixels.
    if (this.density !== (window.devicePixelRatio || 1)) return this.resize();
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
    this.#makeLayers();
    context.save();
    context.beginPath();
    context.rect(x, y, photo.width * scale, photo.height * scale);
    context.clip();
    context.globalAlpha = this.opacity;
    context.drawImage(this.shape.canvas, 0, 0, width, height);
    context.globalAlpha = 1;
    context.drawImage(this.outline.canvas, 0, 0, width, height);
    context.restore();
  }

  /** The mask's shape on the stage, and its outline, as wide at any zoom: copies of the shape moved
   * all round, less the shape itself. Kept until the mask or the view changes. */
  #makeLayers() {
    const { shape, outline } = this;
    const { x, y, scale } = this.view;
    const key = [this.masks, x, y, scale].join();
    if (key === this.layered) return;
    this.layered = key;
    this.#drawShape();
    clear(outline);
    for (const { radius, colour } of OUTLINES) {
      this.#fillRing(radius * this.density, colour);
      outline.drawImage(this.ring.canvas, 0, 0);
    }
    outline.globalCompositeOperation = "destination-out";
    outline.drawImage(shape.canvas, 0, 0);
    outline.globalCompositeOperation = "source-over";
  }

  #drawShape() {
    const { shape, density } = this;
    const { x, y, scale } = this.view;
    const { canvas, left, top } = this.mask;
    clear(shape);
    shape.setTransform(0, density, density, 0, 0, 0); // the mask is transposed: so is the canvas
    shape.imageSmoothingEnabled = scale < CRISP;
    shape.imageSmoothingQuality = "medium";
    const corner = [y + top * scale, x + left * scale];
    shape.drawImage(canvas, ...corner, canvas.width * scale, canvas.height * scale);
  }

  #fillRing(radius, colour) {
    const { ring, shape } = this;
    clear(ring);
    for (let step = 0; step < DIRECTIONS; step++) {
      const angle = (2 * Math.PI * step) / DIRECTIONS;
      ring.drawImage(shape.canvas, radius * Math.cos(angle), radius * Math.sin(angle));
    }
    ring.globalCompositeOperation = "source-in";
    ring.fillStyle = colour;
    ring.fillRect(0, 0, ring.canvas.width, ring.canvas.height);
    ring.globalCompositeOperation = "source-over";
  }
}

function clear(context) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}
