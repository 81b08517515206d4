// COCO's compressed run-length encoding of masks (pycocotools, maskApi.c): runs down the columns,
// background first, each run from the fourth on as the difference to the one two before.

/** The run lengths in a text. */
export function runs(text) {
  const lengths = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let group;
    do {
      group = text.charCodeAt(at++) - 48;
      value |= (group & 31) << shift;
      shift += 5;
    } while (group & 32);
    if (group & 16 && shift < 32) value |= -1 << shift;
    lengths.push(lengths.length > 2 ? value + lengths.at(-2) : value);
  }
  return lengths;
}

/**
 * The mask inside its box, as pixels to draw, transposed: its rows are the photo's columns, so that
 * a run is one stretch of memory however large the photo is.
 * @param lengths see `runs`.
 * @param height of the photo.
 * @param box [x, y, width, height] of the mask, neither side 0.
 * @param colour of its pixels: [red, green, blue].
 */
export function paint(lengths, height, box, colour) {
  const [left, top, columns, rows] = box;
  const picture = new ImageData(rows, columns);
  const pixels = new Uint32Array(picture.data.buffer);
  const word = new Uint32Array(new Uint8ClampedArray([...colour, 255]).buffer)[0];
  let position = 0;
  lengths.forEach((length, index) => {
    const end = position + length;
    while (index % 2 && position < end) {
      const column = Math.floor(position / height);
      const stop = Math.min(end, (column + 1) * height);
      const shift = (column - left) * rows - top - column * height;
      pixels.fill(word, position + shift, stop + shift);
      position = stop;
    }
    position = end;
  });
  return picture;
}
