// Where the photo lies on the stage: its scale and the place of its corner, in CSS pixels.

const MARGIN = 24; // at most; on small screens a part of the stage
const MARGIN_PART = 1 / 45;
const LARGEST_FIT = 4;
const LARGEST = 40; // CSS pixels per photo pixel
const KEPT = 48; // CSS pixels of the photo that always stay on the stage

export class View {
  constructor() {
    Object.assign(this, { width: 1, height: 1, photo: { width: 1, height: 1 } });
    Object.assign(this, { scale: 1, x: 0, y: 0, fitted: true });
  }

  /** The stage has this size now; a photo that was fitted stays so. */
  resize(width, height) {
    const moved = { x: (width - this.width) / 2, y: (height - this.height) / 2 };
    Object.assign(this, { width, height });
    if (this.fitted) this.fit();
    else this.pan(moved.x, moved.y);
  }

  show(width, height) {
    this.photo = { width, height };
    this.fit();
  }

  /** The whole photo in the middle; small ones are enlarged up to four times. */
  fit() {
    const margin = Math.min(MARGIN, MARGIN_PART * Math.min(this.width, this.height));
    const across = (this.width - 2 * margin) / this.photo.width;
    const down = (this.height - 2 * margin) / this.photo.height;
    this.scale = Math.max(0.001, Math.min(across, down, LARGEST_FIT));
    this.x = (this.width - this.scale * this.photo.width) / 2;
    this.y = (this.height - this.scale * this.photo.height) / 2;
    this.fitted = true;
    this.smallest = Math.min(this.scale, 1) / 2;
  }

  /** Zooms by a factor; the point (x, y) of the stage stays where it is. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(LARGEST, Math.max(this.smallest, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.pan(0, 0);
  }

  pan(dx, dy) {
    const inside = (value, size, stage) =>
      Math.min(stage - KEPT, Math.max(KEPT - size * this.scale, value));
    this.x = inside(this.x + dx, this.photo.width, this.width);
    this.y = inside(this.y + dy, this.photo.height, this.height);
    this.fitted = false;
  }

  /** The photo's pixel under a point of the stage, or null beside the photo. */
  pixel(x, y) {
    const column = Math.floor((x - this.x) / this.scale);
    const row = Math.floor((y - this.y) / this.scale);
    const inside =
      column >= 0 && row >= 0 && column < this.photo.width && row < this.photo.height;
    return inside ? { x: column, y: row } : null;
  }

  /** The point of the stage where the centre of a photo pixel is. */
  point({ x, y }) {
    return { x: this.x + (x + 0.5) * this.scale, y: this.y + (y + 0.5) * this.scale };
  }

  /** Moves the photo as little as needed to have a photo pixel well inside the stage. */
  reveal(pixel) {
    const { x, y } = this.point(pixel);
    const needed = (value, size) => {
      const edge = Math.min(KEPT, size / 2);
      return Math.max(0, edge - value) + Math.min(0, size - edge - value);
    };
    const [dx, dy] = [needed(x, this.width), needed(y, this.height)];
    if (dx || dy) this.pan(dx, dy);
  }
}
